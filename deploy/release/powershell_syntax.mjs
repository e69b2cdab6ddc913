// Parses PowerShell scripts, without PowerShell: prints the places that are not PowerShell, and fails if there are any.
//
//     node powershell_syntax.mjs FOLDER SCRIPT...       FOLDER: with node_modules
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [folder, ...scripts] = process.argv.slice(2)
const require = createRequire(`${folder}/`)
const { Parser, Language } = require('web-tree-sitter')

function* errors(node) {
  if (node.isError || node.isMissing) yield node
  for (const child of node.children) yield* errors(child)
}

await Parser.init()
const parser = new Parser()
parser.setLanguage(await Language.load(require.resolve('tree-sitter-powershell/tree-sitter-powershell.wasm')))
for (const script of scripts) {
  for (const { startPosition: place, text } of errors(parser.parse(readFileSync(script, 'utf8')).rootNode)) {
    console.log(`${script}:${place.row + 1}:${place.column + 1}: not PowerShell: ${text.slice(0, 80)}`)
    process.exitCode = 1
  }
}
