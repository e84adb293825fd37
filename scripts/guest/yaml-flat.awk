# Flattens the YAML that cloud-init data is written in: one line "path<TAB>value" for each scalar,
# path steps joined by "/", list items numbered from 0, newlines and backslashes in values escaped
# so that printf %b gives them back. Knows block maps and lists, quoted and plain scalars, literal
# and folded blocks, and flow collections that end on their line. Anything else (anchors, tags,
# plain scalars over several lines) is reported on stderr and makes the exit code 1, never guessed.

BEGIN { depth = 0; path = ""; in_block = 0; failed = 0 }

{ sub(/\r$/, "") }

in_block {
  match($0, /^ */)
  if ($0 ~ /^ *$/ || RLENGTH > block_parent) { block_line($0, RLENGTH); next }
  block_end()
}

/^ *(#.*)?$/ || /^---( |$)/ || /^\.\.\.$/ || /^%/ { next }

{
  if ($0 ~ /^ *\t/) { complain("tab used to indent"); next }
  match($0, /^ */)
  node(RLENGTH, substr($0, RLENGTH + 1))
}

END { if (in_block) block_end(); exit failed }

function complain(what) {
  printf "line %d: %s: %s\n", NR, what, $0 > "/dev/stderr"
  failed = 1
}

# One line's content at a column: a list item, a map key, or (after "- ") a scalar.
function node(column, text,    at, rest) {
  if (text ~ /^-( |$)/) {
    while (depth > 0 && indent[depth] > column) depth--
    if (!(depth > 0 && indent[depth] == column && kind[depth] == "list")) open("list", column)
    path = join(prefix[depth], ++count[depth] - 1)
    rest = substr(text, 2)
    match(rest, /^ */)
    at = column + 1 + RLENGTH
    rest = substr(rest, RLENGTH + 1)
    if (rest == "" || rest ~ /^#/) return
    if (rest ~ /^-( |$)/ || key_end(rest) > 0) node(at, rest)
    else value(column, rest)
    return
  }
  at = key_end(text)
  if (at == 0) {
    if (depth == 0 && text ~ /^[{[]/) value(column, text)
    else complain("neither a key nor a list item")
    return
  }
  while (depth > 0 && (indent[depth] > column || indent[depth] == column && kind[depth] == "list"))
    depth--
  if (!(depth > 0 && indent[depth] == column)) open("map", column)
  path = join(prefix[depth], unquote(substr(text, 1, at - 1)))
  rest = substr(text, at + 1)
  sub(/^ */, "", rest)
  if (rest != "" && rest !~ /^#/) value(column, rest)
}

function open(what, column) {
  depth++
  kind[depth] = what; indent[depth] = column; prefix[depth] = path; count[depth] = 0
  if (depth == 1) prefix[depth] = ""
}

function join(a, b) { return a == "" ? b : a "/" b }

# Position of the colon that ends a key, 0 when the text is no "key:" at all.
function key_end(text,    at, quote, tail) {
  quote = substr(text, 1, 1)
  if (quote == "\"" || quote == "'") {
    at = index(substr(text, 2), quote)
    if (at == 0) return 0
    tail = substr(text, at + 2)
    return tail ~ /^:( |$)/ ? at + 2 : 0
  }
  if (quote == "{" || quote == "[") return 0
  at = index(text, ": ")
  if (at == 0 && text ~ /:$/) at = length(text)
  return at
}

function value(column, text) {
  if (text ~ /^[|>][-+]?( *#.*)?$/) {
    in_block = 1; block_parent = column; block_indent = -1; block_text = ""; block_path = path
    block_folded = text ~ /^>/; block_chomp = substr(text, 2, 1)
    return
  }
  if (text ~ /^[&*!|>@`]/) { complain("not supported here"); return }
  if (text ~ /^[{[]/) {
    flow = text
    if (!flow_value(path) || flow !~ /^ *(#.*)?$/) complain("flow collection not closed on its line")
    return
  }
  if (text ~ /^"/ && text !~ /^"([^"\\]|\\.)*" *(#.*)?$/) { complain("bad quoted text"); return }
  if (text ~ /^'/ && text !~ /^'([^']|'')*' *(#.*)?$/) { complain("bad quoted text"); return }
  if (text !~ /^["']/) sub(/ +#.*$/, "", text)
  else if (match(text, /^"([^"\\]|\\.)*"/) || match(text, /^'([^']|'')*'/))
    text = substr(text, 1, RLENGTH)
  emit(path, unquote(text))
}

function unquote(text,    out, i, c) {
  sub(/ +$/, "", text)
  if (text ~ /^'.*'$/) {
    text = substr(text, 2, length(text) - 2)
    gsub(/''/, "'", text)
    return text
  }
  if (text !~ /^".*"$/) return text
  text = substr(text, 2, length(text) - 2)
  out = ""
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c == "\\") {
      c = substr(text, ++i, 1)
      if (c == "n") c = "\n"
      else if (c == "t") c = "\t"
      else if (c == "r") c = "\r"
      else if (c !~ /["\\\/ ]/) { complain("escape \\" c " not supported"); c = "" }
    }
    out = out c
  }
  return out
}

function emit(where, text) {
  gsub(/\\/, "&&", text)
  gsub(/\n/, "\\n", text)
  gsub(/\t/, "\\t", text)
  print where "\t" text
}

function block_line(text, spaces) {
  if (block_indent < 0) {
    if (text ~ /^ *$/) { block_text = block_text "\n"; return }
    block_indent = spaces
  }
  block_text = block_text substr(text, block_indent + 1) "\n"
}

function block_end(    text) {
  in_block = 0
  text = block_text
  if (block_chomp != "+") sub(/\n+$/, block_chomp == "-" || text ~ /^\n*$/ ? "" : "\n", text)
  if (block_folded) {
    # A lone newline between lines folds to a space; the last one stays.
    sub(/\n$/, "\001", text)
    gsub(/\n\n/, "\002", text); gsub(/\n/, " ", text); gsub(/\002/, "\n", text)
    sub(/\001/, "\n", text)
  }
  emit(block_path, text)
}

# Flow collections: eats one value from the global `flow`; 0 when it is malformed.
function flow_value(where,    i, key) {
  sub(/^ */, "", flow)
  if (flow ~ /^\[/) {
    flow = substr(flow, 2)
    for (i = 0; flow !~ /^ *\]/; i++) {
      if (!flow_value(join(where, i)) || !flow_comma("]")) return 0
    }
    sub(/^ *\]/, "", flow)
    return 1
  }
  if (flow ~ /^\{/) {
    flow = substr(flow, 2)
    while (flow !~ /^ *\}/) {
      if (!flow_scalar(":")) return 0
      key = flow_text
      if (flow !~ /^ *:/) return 0
      sub(/^ *:/, "", flow)
      if (!flow_value(join(where, key)) || !flow_comma("}")) return 0
    }
    sub(/^ *\}/, "", flow)
    return 1
  }
  if (!flow_scalar("")) return 0
  emit(where, flow_text)
  return 1
}

function flow_comma(closer) {
  sub(/^ */, "", flow)
  if (substr(flow, 1, 1) == closer) return 1
  return sub(/^,/, "", flow)
}

# Eats a scalar into `flow_text`; a plain one ends at , ] } and, as a key, at a colon.
function flow_scalar(stop,    ok) {
  sub(/^ */, "", flow)
  if (flow ~ /^"/) ok = match(flow, /^"([^"\\]|\\.)*"/)
  else if (flow ~ /^'/) ok = match(flow, /^'([^']|'')*'/)
  else if (stop == ":") ok = match(flow, /^[^][{},:]+/)
  else ok = match(flow, /^[^][{},]+/)
  if (!ok) return 0
  flow_text = unquote(substr(flow, 1, RLENGTH))
  flow = substr(flow, RLENGTH + 1)
  return 1
}
