"""What an operating system's error means, for people: the usual ones in Chinese, any other as the system says it.

The same of OpenSSL's reasons against a certificate.
"""

import errno
import os

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
    code = error.errno
    if code is None and isinstance(error, ConnectionResetError | BrokenPipeError):
        code = errno.ECONNRESET
    if code in _CHINESE:
        return _CHINESE[code]
    said = (os.strerror(code) if code else str(error)) or type(error).__name__
    return f"系统报告 {said.rstrip('.')}"


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
