#!/usr/bin/env python3
"""Reads a tree and prints it as manifest lines, without the header: an independent reader for capture-test.

usage: read-tree.py ROOT    (ROOT/etc/passwd and ROOT/etc/group give the names)
"""
import hashlib
import os
import stat
import sys

FOLDERS = ("etc", "root", "home", "var/spool/cron", *("var/lib/" + name for name in ("mysql", "glance", "nova", "cinder", "neutron", "rabbitmq")))
TYPES = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s",
         stat.S_IFBLK: "b", stat.S_IFCHR: "c"}


def encoded(raw: bytes) -> str:
    if raw == b"-":
        return "%2D"
    return "".join(chr(b) if 0x21 <= b <= 0x7E and b != 0x25 else f"%{b:02X}" for b in raw)


def names(path: bytes) -> dict:
    found = {}
    with open(path, "rb") as lines:
        for line in lines:
            part = line.rstrip(b"\n").split(b":")
            found.setdefault(int(part[2]), encoded(part[0]))
    return found


def label(path: bytes) -> str:
    try:
        return encoded(os.getxattr(path, "security.selinux", follow_symlinks=False).rstrip(b"\0"))
    except OSError:
        return "-"


def line(root: bytes, path: bytes, users: dict, groups: dict) -> tuple:
    info = os.lstat(path)
    kind = TYPES[stat.S_IFMT(info.st_mode)]
    digest = "-"
    if kind == "f":
        with open(path, "rb") as content:
            digest = hashlib.sha256(content.read()).hexdigest()
    shown = encoded(b"/" + os.path.relpath(path, root))
    fields = (
        kind, f"{stat.S_IMODE(info.st_mode):04o}", info.st_uid, info.st_gid,
        users.get(info.st_uid, "-"), groups.get(info.st_gid, "-"),
        info.st_size if kind == "f" else 0, info.st_blocks, info.st_mtime_ns // 10**9, digest, label(path),
        f"{info.st_dev}:{info.st_ino}" if kind == "f" and info.st_nlink > 1 else "-",
        shown, encoded(os.readlink(path)) if kind == "l" else "-",
    )
    return shown, "\t".join(str(field) for field in fields)


def walk(root: bytes):
    for folder in FOLDERS:
        top = os.path.join(root, folder.encode())
        if not os.path.isdir(top):
            continue
        yield top
        for base, dirs, files in os.walk(top):
            for name in dirs + files:
                yield os.path.join(base, name)


def main(root: bytes) -> None:
    users, groups = names(root + b"/etc/passwd"), names(root + b"/etc/group")
    for _, text in sorted(line(root, path, users, groups) for path in walk(root)):
        print(text)


main(os.fsencode(sys.argv[1]))
