"""A package index with one wheel in it. Argument: the folder to serve."""

import base64, hashlib, os, sys, zipfile
site = sys.argv[1]
wheel = "otu_sample-1.0-py3-none-any.whl"
os.makedirs(f"{site}/wheels")
os.makedirs(f"{site}/simple/otu-sample")
files = {
    "otu_sample.py": b"ANSWER = 42\n" + b"# " + os.urandom(40000).hex().encode() + b"\n",
    "otu_sample-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: otu-sample\nVersion: 1.0\n",
    "otu_sample-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
record = ""
with zipfile.ZipFile(f"{site}/wheels/{wheel}", "w") as archive:
    for name, content in files.items():
        archive.writestr(name, content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    archive.writestr("otu_sample-1.0.dist-info/RECORD", record + "otu_sample-1.0.dist-info/RECORD,,\n")
digest = hashlib.sha256(open(f"{site}/wheels/{wheel}", "rb").read()).hexdigest()
page = "<!doctype html><title>index</title><a href='{}'>{}</a>\n"
open(f"{site}/simple/index.html", "w").write(page.format("otu-sample/", "otu-sample"))
open(f"{site}/simple/otu-sample/index.html", "w").write(page.format(f"../../wheels/{wheel}#sha256={digest}", wheel))
