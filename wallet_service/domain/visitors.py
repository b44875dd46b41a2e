"""Who opens a link: a person on some phone, or a program that only looks where the link leads.

It is told by what a request says of itself; whoever says the same as a browser in every header is taken for a person.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Device = Literal["ios", "android", "mac", "desktop", "other"]
Machine = Literal["preview", "scanner", "prefetch", "crawler"]
Wallet = Literal["apple", "google"]

# Messengers and networks that show a card of the page under the link.
PREVIEWS = (
    *("facebookexternalhit", "facebot", "meta-externalfetcher", "whatsapp/", "twitterbot", "telegrambot", "slackbot"),
    *("slack-imgproxy", "discordbot", "linkedinbot", "skypeuripreview", "pinterestbot", "vkshare", "viber/", "embedly"),
    *("iframely", "redditbot", "snap url preview", "bitlybot", "google-pagerenderer", "google-read-aloud", "odklbot"),
    *("kakaotalk-scrap", "line-poker", "mattermost-bot", "zoombot", "signal/", "notionbot", "mastodon/", "synapse/"),
    *("bluesky cardyb",),
)
# Mail programs and their guards, which follow links before the reader does, and programs without a screen.
SCANNERS = (
    *("microsoft office", "ms-office", "microsoft outlook", "safelinks", "googleimageproxy", "yahoomailproxy"),
    *("proofpoint", "mimecast", "barracuda", "symantec", "trendmicro", "fortiguard", "zscaler", "forcepoint", "sophos"),
    *("urlscan", "virustotal", "phishtank", "googlesecurityscanner", "google-safety", "cloudflare-radar", "netcraft"),
    *("curl/", "wget/", "python-", "python/", "aiohttp", "httpx", "go-http-client", "java/", "okhttp", "libwww-perl"),
    *("axios", "node-fetch", "undici", "guzzle", "ruby", "apache-httpclient", "headlesschrome", "phantomjs", "scrapy"),
    *("postmanruntime", "insomnia", "uptimerobot", "pingdom", "statuscake", "site24x7"),
)
CRAWLERS = (
    *("googlebot", "google-inspectiontool", "googleother", "adsbot", "mediapartners", "bingbot", "bingpreview"),
    *("applebot", "yandexbot", "yandexmobilebot", "baiduspider", "duckduckbot", "ahrefsbot", "semrushbot", "mj12bot"),
    *("petalbot", "bytespider", "gptbot", "chatgpt-user", "oai-searchbot", "claudebot", "perplexitybot", "ccbot"),
    *("meta-externalagent", "amazonbot", "seznambot", "mail.ru_bot", "dotbot", "ia_archiver", "archive.org_bot"),
)
# Every browser calls itself Mozilla, or once Opera; the third one is Apple Wallet.
READERS = ("mozilla/", "opera/", "passd/")
# A word of its own, so that a phone by the name of Cubot is none. Scanners of QR codes are people's.
_ANY_BOT = re.compile(r"(?<![a-z])(?:bot|crawler|spider|prefetch|preview)(?![a-z])|https?://")

# Browsers inside of apps, in which a wallet often does not open. Some name others, so the first that fits counts.
APPS = (
    ("Barcelona ", "Threads"),
    ("Instagram", "Instagram"),
    ("MessengerForiOS", "Messenger"),
    ("MessengerLiteForiOS", "Messenger"),
    ("Orca-Android", "Messenger"),
    ("FBAN/", "Facebook"),
    ("FBAV/", "Facebook"),
    ("FB_IAB", "Facebook"),
    ("musical_ly", "TikTok"),
    ("BytedanceWebview", "TikTok"),
    ("trill_", "TikTok"),
    ("TikTok", "TikTok"),
    (" Line/", "LINE"),
    ("Snapchat", "Snapchat"),
    ("Twitter for", "X"),
    ("TwitterAndroid", "X"),
    ("LinkedInApp", "LinkedIn"),
    ("Pinterest/", "Pinterest"),
    ("[Pinterest", "Pinterest"),
    ("MicroMessenger", "WeChat"),
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(inapp", "Naver"),
    ("VKAndroidApp", "VK"),
    ("VKClient", "VK"),
    ("vk_app", "VK"),
    ("Telegram-Android", "Telegram"),
    ("YaApp_", "Yandex"),
    ("GSA/", "Google"),
)
SOME_APP = "app"  # one that does not give its name

_SOONER = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Visitor:
    """What a request says of whoever sent it.

    `app` names the app whose own browser it is, `machine` says what kind of program it is. None for a browser, and for
    a person. An iPad that asks for pages as a computer gets them says the same as a Mac: both are `mac`.
    """

    device: Device
    app: str | None = None
    machine: Machine | None = None

    @property
    def wallet(self) -> Wallet | None:
        """The wallet that this device has; None where it may be either, or none."""
        match self.device:
            case "ios":
                return "apple"
            case "android":
                return "google"
            case _:
                return None


def visitor(method: str, headers: Mapping[str, str]) -> Visitor:
    """Return who sends a request; the names of headers are given in small letters."""
    agent = headers.get("user-agent", "")
    device = _device(agent)
    machine = _machine(method, headers, agent.lower())
    return Visitor(device, None if machine else _app(agent, device), machine)


def _machine(method: str, headers: Mapping[str, str], agent: str) -> Machine | None:
    if any(_SOONER.search(headers.get(each, "")) for each in ("sec-purpose", "purpose", "x-purpose", "x-moz")):
        return "prefetch"
    if _names(agent, PREVIEWS):
        return "preview"
    if _names(agent, CRAWLERS):
        return "crawler"
    if method == "HEAD" or _names(agent, SCANNERS) or not agent.startswith(READERS):
        return "scanner"
    if _ANY_BOT.search(agent):
        return "crawler"
    # Every browser says which language its reader prefers; a program that pretends to be one forgets it.
    return None if headers.get("accept-language") else "scanner"


def _names(agent: str, known: tuple[str, ...]) -> bool:
    return any(each in agent for each in known)


def _device(agent: str) -> Device:
    if "Windows Phone" in agent:
        return "other"
    if any(each in agent for each in ("iPhone", "iPad", "iPod")):
        return "ios"
    if "Android" in agent:
        return "android"
    if "Macintosh" in agent:
        return "mac"
    if any(each in agent for each in ("Windows NT", "X11", "CrOS")):
        return "desktop"
    return "other"


def _app(agent: str, device: Device) -> str | None:
    """Return the app whose own browser it is; on a computer a browser is a browser."""
    if device not in ("ios", "android"):
        return None
    named = next((name for token, name in APPS if token in agent), None)
    # What an app shows without saying so: Android marks it, and on iOS only Safari and its kin call themselves Safari.
    unnamed = "; wv)" in agent if device == "android" else "AppleWebKit" in agent and "Safari/" not in agent
    return named or (SOME_APP if unnamed else None)
