# Checks a record that oncecast wrote:  python3 check.py < record.jsonl
import hashlib, json, sys, zlib

before, head, said, posted, ended = b"", b"", {}, {}, False
for number, raw in enumerate(sys.stdin.buffer, 1):
    text, total = raw[:-19] + b"}", raw[-11:-3]  # the line ends with ,"sum":"xxxxxxxx"} and a newline
    assert b"%08x" % zlib.crc32(before + text) == total, f"line {number} was changed"
    before, record = total, json.loads(text)
    if record["type"] == "header":
        said = record
        head = hashlib.sha256(b"oncecast/journal/1" + bytes.fromhex(said["ledger"])).digest()
    elif record["type"] == "delivery" and record["status"] == "published":
        to = record["entry_id"], record["group"]
        posted[to] = posted.get(to, 0) + 1
    elif record["type"] == "journal":
        if "before" in record:
            head = bytes.fromhex(record["before"])
        line, at = record["line"].encode(), record["number"].to_bytes(8, "big")
        row = b"\1" + zlib.crc32(b"\1" + at + line).to_bytes(4, "big") + line
        head = hashlib.sha256(head + len(row).to_bytes(8, "big") + row).digest()
        assert head.hex() == record["hash"], f"line {number} breaks the chain"
    ended = record["type"] == "end"
assert ended, "the record was cut off"
if said["whole"]:
    assert head.hex() == said["head"], "the chain does not end where it should"
print(f"{number} lines, head {said['head']}")
print(f"{len(posted)} times a post reached a group, {sum(n > 1 for n in posted.values())} of them more than once")
