-- Our own tables and functions, beside those of Procrastinate.

CREATE TABLE secrets (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

-- The processes that perform units, and when each was last heard of.
CREATE TABLE workers (
    holder text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Which attempt of which unit was taken from a dead worker: each once, however many workers look.
CREATE TABLE takeovers (
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, attempt)
);

-- One row for each token and operation that states a limit, and one, of the operation '', for all others of the token.
-- The token is there as a keyed hash.
CREATE TABLE limits (
    token text NOT NULL,
    operation text NOT NULL,
    -- Requests in 60 seconds, and whether the answers' headers are taken as speaking of them.
    a_minute integer NOT NULL,
    believed boolean NOT NULL DEFAULT true,
    -- The generic cell rate algorithm: when the bucket is full again.
    full_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- A 429 asked to wait until then.
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    -- What the fleet took in this minute and in the one before.
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken integer NOT NULL DEFAULT 0,
    taken_before integer NOT NULL DEFAULT 0,
    PRIMARY KEY (token, operation)
) WITH (fillfactor = 50);

-- How many requests may be sent at once, and how many seconds each costs, so that no 60 seconds hold more than the
-- limit, less a twentieth for what is late on its way.
CREATE FUNCTION pace_v1(a_minute integer, OUT burst integer, OUT each interval) LANGUAGE sql IMMUTABLE AS $$
    SELECT least(greatest(1, fitting / 10), fitting),
           make_interval(secs => 60.1 / greatest(1, fitting - greatest(1, fitting / 10)))
    FROM (SELECT CASE WHEN a_minute < 20 THEN a_minute ELSE a_minute - a_minute / 20 END AS fitting) AS fit
$$;

CREATE FUNCTION take_v1(
    for_token text, for_operation text, assumed integer,
    OUT wait double precision, OUT held boolean, OUT limited integer, OUT known integer
) LANGUAGE plpgsql AS $$
DECLARE
    mine limits%ROWTYPE;
    moment timestamptz;
    until timestamptz := '-infinity';
    pace record;
BEGIN
    IF for_operation <> '' THEN
        SELECT held_until INTO until FROM limits WHERE token = for_token AND operation = '';
    END IF;
    SELECT * INTO mine FROM limits WHERE token = for_token AND operation = for_operation FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO limits (token, operation, a_minute) VALUES (for_token, for_operation, assumed)
            ON CONFLICT DO NOTHING;
        SELECT * INTO mine FROM limits WHERE token = for_token AND operation = for_operation FOR UPDATE;
    END IF;
    moment := clock_timestamp();
    limited := mine.a_minute;
    until := greatest(until, mine.held_until);
    held := until > moment;
    IF held THEN
        wait := extract(epoch FROM until - moment);
        RETURN;
    END IF;
    pace := pace_v1(mine.a_minute);
    wait := greatest(0, extract(epoch FROM mine.full_at - (pace.burst - 1) * pace.each - moment));
    IF wait > 0 THEN
        RETURN;
    END IF;
    IF moment - mine.since >= interval '60 seconds' THEN
        mine.taken_before := CASE WHEN moment - mine.since < interval '120 seconds' THEN mine.taken ELSE 0 END;
        mine.taken := 0;
        mine.since := moment;
    END IF;
    mine.taken := mine.taken + 1;
    known := mine.taken + mine.taken_before;
    UPDATE limits SET full_at = greatest(mine.full_at, moment) + pace.each, since = mine.since, taken = mine.taken,
        taken_before = mine.taken_before
        WHERE token = for_token AND operation = for_operation;
END;
$$;

-- What an answer's headers said: so many of so many were consumed, in a window that ends in so many seconds.
CREATE FUNCTION learn_v1(
    for_token text, for_operation text, stated integer, said integer, consumed integer, ends_in double precision
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    mine limits%ROWTYPE;
    moment timestamptz;
    pace_before record;
    pace record;
BEGIN
    SELECT * INTO mine FROM limits WHERE token = for_token AND operation = for_operation FOR UPDATE;
    IF NOT FOUND OR NOT mine.believed THEN
        RETURN;
    END IF;
    moment := clock_timestamp();
    IF stated IS NOT NULL AND said > stated AND consumed > mine.taken + mine.taken_before THEN
        -- They speak of some other bucket than this one.
        UPDATE limits SET believed = false, a_minute = stated WHERE token = for_token AND operation = for_operation;
        RETURN;
    END IF;
    pace_before := pace_v1(mine.a_minute);
    pace := pace_v1(greatest(1, said));
    IF mine.full_at > moment THEN
        mine.full_at := moment + (mine.full_at - moment)
            * (extract(epoch FROM pace.each) / extract(epoch FROM pace_before.each))::double precision;
    END IF;
    IF ends_in BETWEEN 0 AND 61 THEN
        -- As if the fleet had sent all of them: others use the token, too. Dates have whole seconds.
        mine.full_at := greatest(mine.full_at, least(
            moment + make_interval(secs => ends_in - 61) + consumed * pace.each,
            moment + make_interval(secs => ends_in + 1) + (pace.burst - 1) * pace.each));
    END IF;
    UPDATE limits SET a_minute = greatest(1, said), full_at = mine.full_at
        WHERE token = for_token AND operation = for_operation;
END;
$$;

-- A 429: nobody sends for so many seconds, on this operation or on the whole token.
CREATE FUNCTION hold_v1(
    for_token text, for_operation text, stated integer, seconds double precision, whole_token boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := clock_timestamp() + make_interval(secs => seconds);
BEGIN
    INSERT INTO limits AS row (token, operation, a_minute, held_until)
        SELECT for_token, name, 600, until
        FROM (SELECT for_operation AS name UNION SELECT '' WHERE whole_token ORDER BY name) AS names
        ON CONFLICT (token, operation) DO UPDATE SET held_until = greatest(row.held_until, until);
    UPDATE limits SET believed = false, a_minute = stated
        WHERE token = for_token AND operation = for_operation AND a_minute > stated;
END;
$$;

-- Says that this process lives; forgets those that were not heard of for a day.
CREATE FUNCTION beat_v1(by text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM workers WHERE seen_at < clock_timestamp() - interval '1 day';
    DELETE FROM takeovers WHERE at < clock_timestamp() - interval '1 day';
    INSERT INTO workers (holder) VALUES (by) ON CONFLICT (holder) DO UPDATE SET seen_at = clock_timestamp();
$$;

-- Whether that attempt is this worker's to take over; one who claimed it and died loses it.
CREATE FUNCTION claim_v1(job bigint, number integer) RETURNS boolean LANGUAGE sql AS $$
    WITH claimed AS (
        INSERT INTO takeovers AS row (job_id, attempt) VALUES (job, number)
        ON CONFLICT (job_id, attempt) DO UPDATE SET at = clock_timestamp()
            WHERE row.at < clock_timestamp() - interval '10 seconds'
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM claimed)
$$;
