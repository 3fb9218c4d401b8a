# Speaks MCP on standard input and output: a line for a message. Its one tool is `ping`.
while IFS= read -r line; do
  id=${line##*\"id\":}
  id=${id%%[!0-9]*}
  case $line in
  *'"initialize"'*)
    result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"test","version":"1.0.0"}}'
    ;;
  *'"tools/list"'*) result='{"tools":[{"name":"ping","description":"Answers.","inputSchema":{"type":"object"}}]}' ;;
  *'"tools/call"'*) result='{"content":[{"type":"text","text":"pong"}]}' ;;
  *) continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
