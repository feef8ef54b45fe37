"""What a browser asks for: the head of an HTTP request, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

MOST_BYTES = 8 * 1024  # of a head
_MOST_TARGET = 2 * 1024
_MOST_HEADERS = 64
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[\x21-\x7e]*")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_METHODS = ("GET", "HEAD")
_ONCE = ("host", "authorization")  # two of them would mean one thing here, another elsewhere


class RequestError(Exception):
    """A request that gets no more than a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True)
class Request:
    """One that is well-formed; a path is what was sent, nothing in it is decoded."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # by lower-case name


def parse(head: bytes) -> Request:
    """Everything up to the empty line.

    Raises:
        RequestError: for whatever HTTP/1.0 and 1.1 do not allow, or is longer than anyone needs.
    """
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = _first(first)
    headers = _headers(lines)
    if version == "HTTP/1.1" and "host" not in headers:
        raise RequestError(400, "The request names no host.")
    path, _, query = target.partition("?")
    return Request(method, path, dict(parse_qsl(query)), headers)


def _first(line: str) -> tuple[str, str, str]:
    words = line.split(" ")
    if len(words) != 3 or not _TOKEN.fullmatch(words[0]) or not words[2].startswith("HTTP/"):
        raise RequestError(400, "This is no HTTP request.")
    method, target, version = words
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise RequestError(505, "This speaks HTTP/1.1 only.")
    if len(target) > _MOST_TARGET:
        raise RequestError(414, "The address is too long.")
    if not _TARGET.fullmatch(target):
        raise RequestError(400, "The address is not well-formed.")
    if method not in _METHODS:
        raise RequestError(405, "This can only be looked at: use GET.")
    return method, target, version


def _headers(lines: list[str]) -> dict[str, str]:
    if len(lines) > _MOST_HEADERS:
        raise RequestError(431, "There are too many headers.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        key = name.lower()
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise RequestError(400, "A header is not well-formed.")
        if key in _ONCE and key in headers:
            raise RequestError(400, f"There are two headers {key}.")
        headers[key] = f"{headers[key]}; {value.strip()}" if key in headers else value.strip()
    return headers
