"""The parts of an answer with several ranges, beside the file. Arguments: the file, the head, the body, its name."""

import email.parser, email.policy, re, sys
path, head, body, name = sys.argv[1:]
whole = open(path, "rb").read()
fields = open(head, "rb").read().split(b"\r\n", 1)[1]
content = open(body, "rb").read()
message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(fields + content)
# The parser takes bytes for text, and changes ends of lines: the parts are cut here.
boundary = message.get_boundary().encode()
pieces = re.split(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?:\r\n|\Z)", content)
wanted = [(0, 9), (len(whole) - 5, len(whole) - 1), (20, 29)]
found, slices = [], True
for piece in pieces[1:-1]:
    lines, _, part = piece.partition(b"\r\n\r\n")
    first, last, size = map(int, re.search(rb"(?i)content-range: bytes (\d+)-(\d+)/(\d+)", lines).groups())
    found.append((first, last))
    slices = slices and size == len(whole) and part == whole[first:last + 1]
problems = []
if message.get_content_type() != "multipart/byteranges": problems.append(message.get_content_type())
if found != wanted: problems.append(f"parts {found}, wanted {wanted}")
if not slices: problems.append("a part is not the slice")
if int(message["Content-Length"]) != len(content): problems.append("Content-Length")
if message["Content-Range"]: problems.append("Content-Range in the head")
print(f"bad curl several ranges of {name} | {problems}" if problems else f"ok curl several ranges of {name}: the parts")
