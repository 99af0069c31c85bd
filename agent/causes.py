"""What an operating system's error means, for people: the usual ones in Chinese, any other as the system says it.

The same of SQLite's errors, of TOML's and of OpenSSL's reasons against a certificate.
"""

import errno
import os
import re
import sqlite3
import ssl

_CHINESE = {
    errno.ENETUNREACH: "网络不通",
    errno.ENETDOWN: "网络不通",
    errno.EHOSTUNREACH: "到不了这台机器",
    errno.EHOSTDOWN: "到不了这台机器",
    errno.ECONNRESET: "连接被对方中断",
    errno.ECONNABORTED: "连接被中断",
    errno.EPIPE: "连接被对方中断",
    errno.ETIMEDOUT: "规定时间内没有应答",
    errno.ENOENT: "没有这个文件或文件夹",
    errno.EEXIST: "它是一个文件，不是文件夹",  # of a folder that was to be made, or to be there already
    errno.EISDIR: "它是一个文件夹，不是文件",
    errno.ENOTDIR: "路径中有一个是文件，不是文件夹",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EROFS: "磁盘是只读的",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "磁盘配额已用完",
    errno.EIO: "磁盘读写出错",
}


def chinese(error: OSError) -> str:
    """Without a full stop."""
    if isinstance(error, ssl.SSLError):  # of a file: OpenSSL counts in numbers of its own
        return "其中没有能用的证书"
    code = error.errno
    if code is None and isinstance(error, ConnectionResetError | BrokenPipeError):
        code = errno.ECONNRESET
    if code in _CHINESE:
        return _CHINESE[code]
    said = (os.strerror(code) if code else str(error)) or type(error).__name__
    return f"系统报告 {said.rstrip('.')}"


_SQLITE = {
    sqlite3.SQLITE_CORRUPT: "文件已损坏",
    sqlite3.SQLITE_NOTADB: "文件已损坏，不是数据库",
    sqlite3.SQLITE_IOERR: "磁盘读写出错",
    sqlite3.SQLITE_CANTOPEN: "文件打不开",
    sqlite3.SQLITE_READONLY: "文件是只读的",
    sqlite3.SQLITE_PERM: "没有权限",
    sqlite3.SQLITE_FULL: "磁盘已满",
    sqlite3.SQLITE_ERROR: "内容不是采集程序写的",  # no such table, no such column
}


def of_sqlite(error: sqlite3.Error) -> str:
    """Without a full stop."""
    return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF) or f"数据库报告 {str(error).rstrip('.')}"


def of_toml(error: ValueError) -> str:
    """Where a file is not TOML, without a full stop: what Python says of it is for programmers."""
    line = re.search(r"at line (\d+), column \d+\)$", str(error))
    return f'第 {line[1]} 行写得不对，应像 server = "https://10.66.0.10:8088"' if line else "文件没有写完"


_CERTIFICATE = {  # by x509_vfy.h
    7: "签名不对",
    9: "证书还没有生效",
    18: "证书是自己签发的",
    19: "签发它的 CA 不是本机登记的",
    20: "签发它的 CA 不是本机登记的",
    21: "签发它的 CA 不是本机登记的",
    23: "证书已被吊销",
}


def untrusted(code: int) -> str:
    """Why a certificate is not trusted; the code is OpenSSL's verify_code."""
    return _CERTIFICATE.get(code, f"代码 {code}")
