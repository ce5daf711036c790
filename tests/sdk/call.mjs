// Calls every operation that Segment's TypeScript SDK has: node call.mjs BASE_URL CALLS.json, in a folder where it is installed.
// CALLS holds, for each operation, its path's ids, its query and its body; the SDK's declarations say in which order it takes them.
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.cwd(), "x.js"));
const sdk = require("@segment/public-api-sdk-typescript");
const [base, file] = process.argv.slice(2);
const calls = JSON.parse(fs.readFileSync(file, "utf8"));
const declarations = path.join(path.dirname(require.resolve("@segment/public-api-sdk-typescript")), "api");

const signatures = {};
for (const name of fs.readdirSync(declarations).filter((name) => name.endsWith(".d.ts"))) {
    const text = fs.readFileSync(path.join(declarations, name), "utf8");
    const owner = /export declare class (\w+)/.exec(text)?.[1];
    for (const [, method, parameters] of text.matchAll(/^    (\w+)\(([^{;]*?)options\?: \{/gms)) {
        const words = parameters.split(",").map((word) => word.trim()).filter(Boolean);
        signatures[method] = [owner, words.map((word) => word.split(/\??:/).map((part) => part.trim()))];
    }
}

function argument(call, [name, type]) {
    if (type === "PaginationInput") return { count: 10 };
    if (type.endsWith("Input")) return call.body;
    return call.ids[name] ?? call.query[name];
}

const fresh = () => new Promise((done, failed) => http.get(`${base}/__fresh`, (answer) => answer.resume().on("end", done)).on("error", failed));

const told = { parsed: [], unknown: [], failed: {} };
for (const call of calls) {
    const [owner, parameters] = signatures[call.id] ?? [];
    if (!owner) {
        told.unknown.push(call.id);
        continue;
    }
    await fresh();
    const api = new sdk[owner](base);
    api.accessToken = "sandbox";
    try {
        const { body } = await api[call.id](...parameters.map((each) => argument(call, each)));
        if (body?.data === undefined) throw new Error("the SDK found no data in the answer");
        told.parsed.push(call.id);
    } catch (error) {
        told.failed[call.id] = JSON.stringify(error.body ?? error.message);
    }
}
console.log(JSON.stringify(told));
