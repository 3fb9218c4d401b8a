#!/bin/sh
# Speaks LSP on standard input and output: it knows of one symbol in every file.
length=0
while IFS= read -r line; do
  case $line in
  Content-Length:*)
    length=${line#*: }
    length=${length%?}
    continue
    ;;
  ??*) continue ;;
  esac
  body=$(dd bs=1 count="$length" 2> /dev/null)
  case $body in
  *'"id":'*) id=${body#*\"id\":} ;;
  *) continue ;;
  esac
  id=${id%%[!0-9]*}
  at='{"start":{"line":0,"character":0},"end":{"line":0,"character":1}}'
  case $body in
  *'"textDocument/documentSymbol"'*)
    result='[{"name":"found_by_the_plugin","kind":12,"range":'$at',"selectionRange":'$at'}]'
    ;;
  *) result='{"capabilities":{"documentSymbolProvider":true}}' ;;
  esac
  answer='{"jsonrpc":"2.0","id":'$id',"result":'$result'}'
  printf 'Content-Length: %s\r\n\r\n%s' "${#answer}" "$answer"
done
