"""What monitors ask: figures of the ledger, as Prometheus reads them, and the listener that answers."""
