"""What tests of the sandbox's pages share: a server on a free port, a small image, a QR code as a scanner sees it."""

import io
import re
import threading

from flask import Flask
from PIL import Image, ImageDraw
from werkzeug.serving import BaseWSGIServer, make_server


def png(color: str) -> bytes:
    """A small image."""
    buffer = io.BytesIO()
    Image.new("RGB", (30, 30), color).save(buffer, "PNG")
    return buffer.getvalue()


def started(app: Flask) -> BaseWSGIServer:
    """A server that answers in threads."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    return server


def painted(svg: str) -> Image.Image:
    """The drawing as a picture, each run of modules as squares of pixels."""
    size = max(int(side) for side in re.findall(r'viewBox="0 0 (\d+)', svg))
    image = Image.new("L", (size * 6, size * 6), 255)
    draw = ImageDraw.Draw(image)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", svg):
        left, top = int(x) * 6, int(y) * 6
        draw.rectangle((left, top, left + int(length) * 6 - 1, top + 5), fill=0)
    return image
