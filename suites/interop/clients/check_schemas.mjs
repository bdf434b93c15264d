// Compiles the schemas of tools with Ajv in strict mode, as clients do that validate arguments and results.
//
// Reads a list of tools from standard input, and prints a list of `{ tool, schema, problem }`.
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const problems = [];

function check(tool, schema) {
    const report = (problem) => problems.push({ tool: tool.name, schema, problem: String(problem) });
    // Strict mode throws for unknown keywords and formats, and logs what may be a mistake.
    const logger = { log: report, warn: report, error: report };
    const ajv = new Ajv2020({ strict: true, strictTuples: true, strictTypes: 'log', allErrors: true, logger });
    addFormats(ajv);
    // SEP-2243.
    ajv.addVocabulary(['x-mcp-header']);
    try {
        ajv.compile(tool[schema]);
    } catch (error) {
        report(error.message);
    }
}

for (const tool of JSON.parse(readFileSync(0, 'utf8'))) {
    check(tool, 'inputSchema');
    if (tool.outputSchema) check(tool, 'outputSchema');
}
console.log(JSON.stringify(problems));
