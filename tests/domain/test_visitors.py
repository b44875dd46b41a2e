"""Who opens a link is told by what the request says: phones, browsers inside of apps, and programs of all kinds."""

import pytest

from wallet_service.domain.visitors import SOME_APP, Visitor, visitor

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IOS = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT}"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 8 Build/BP1A.250505.005; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.5 Safari/605.1.15"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/138.0.0.0"
VIEW = f"{PIXEL} Version/4.0 Chrome/138.0.7204.63 Mobile Safari/537.36"

PEOPLE = [
    (f"{IOS} Version/18.5 Mobile/15E148 Safari/604.1", "ios", None),
    (f"{IOS} CriOS/138.0.7204.119 Mobile/15E148 Safari/604.1", "ios", None),
    (f"{IOS} FxiOS/140.0 Mobile/15E148 Safari/604.1", "ios", None),
    (f"{IOS} EdgiOS/137.0.3296.83 Version/18.0 Mobile/15E148 Safari/604.1", "ios", None),
    (f"{IOS} Version/18.0 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15", "ios", None),
    (f"Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) {WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1", "ios", None),
    (f"Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5 like Mac OS X) {WEBKIT} Version/12.1 Safari/604.1", "ios", None),
    ("passd/1.0 CFNetwork/1568.300.101 Darwin/24.2.0", "other", None),
    # an iPad that asks for pages as a computer does, and a Mac
    (MAC, "mac", None),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36", "mac", None),
    (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36", "android", None),
    ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "android", None),
    (f"Mozilla/5.0 (Linux; Android 13; SM-G991B) {CHROME} Mobile Safari/537.36", "android", None),
    (
        "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "
        "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
        "android",
        None,
    ),
    # a phone whose maker is called Cubot is no bot
    (f"Mozilla/5.0 (Linux; Android 10; CUBOT_NOTE_20) {CHROME} Mobile Safari/537.36", "android", None),
    (f"Mozilla/5.0 (Linux; Android 12; CUBOT KINGKONG 7) {CHROME} Mobile Safari/537.36", "android", None),
    (WINDOWS, "desktop", None),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop", None),
    (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36", "desktop", None),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "desktop", None),
    (
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
        "other",
        None,
    ),
    # browsers inside of apps
    (f"{IOS} Mobile/22F76 Instagram 385.0.0.26.74 (iPhone15,2; iOS 18_5; cs_CZ; cs; scale=3.00)", "ios", "Instagram"),
    (f"{VIEW} Instagram 385.0.0.47.84 Android (35/15; 420dpi; 1080x2400; Google/google)", "android", "Instagram"),
    (f"{IOS} Mobile/22F76 Barcelona 380.0.0.23.83 (iPhone15,2; iOS 18_5; en_GB; en; scale=3.00)", "ios", "Threads"),
    (f"{IOS} Mobile/22F76 [FBAN/FBIOS;FBAV/517.0.0.40.105;FBBV/745;FBDV/iPhone15,2;FBLC/ro_RO]", "ios", "Facebook"),
    (f"{VIEW} [FB_IAB/FB4A;FBAV/517.0.0.54.61;]", "android", "Facebook"),
    (f"{IOS} Mobile/22F76 [FBAN/MessengerForiOS;FBAV/512.1.0.38.110;FBDV/iPhone15,2]", "ios", "Messenger"),
    (f"{VIEW} [FB_IAB/Orca-Android;FBAV/512.0.0.55.107;]", "android", "Messenger"),
    (f"{IOS} Mobile/22F76 musical_ly_39.8.0 BytedanceWebview/d8a21c6 AppName/musical_ly", "ios", "TikTok"),
    (f"{VIEW} trill_390803 BytedanceWebview/d8a21c6", "android", "TikTok"),
    (f"{IOS} Mobile/15E148 Safari Line/15.9.0", "ios", "LINE"),
    (f"{VIEW} Line/15.9.1/IAB", "android", "LINE"),
    (f"{IOS} Mobile/22F76 Snapchat/13.43.0.40 (like Safari/8621.2.5.10.10, panda)", "ios", "Snapchat"),
    (f"{IOS} Mobile/22F76 Twitter for iPhone/11.7", "ios", "X"),
    (f"{VIEW} TwitterAndroid", "android", "X"),
    (f"{IOS} Mobile/22F76 [LinkedInApp]/9.31.3168", "ios", "LinkedIn"),
    (f"{IOS} Mobile/22F76 [Pinterest/iOS]", "ios", "Pinterest"),
    (f"{IOS} Mobile/15E148 MicroMessenger/8.0.60(0x18003c2f) NetType/WIFI Language/en", "ios", "WeChat"),
    (f"{VIEW} KAKAOTALK/25.5.1 (INAPP)", "android", "KakaoTalk"),
    (f"{IOS} Mobile/15E148 NAVER(inapp; search; 2000; 12.14.20; 15PRO)", "ios", "Naver"),
    (f"{VIEW} Telegram-Android/11.13.0 (Google Pixel 8; Android 15; SDK 35; AVERAGE)", "android", "Telegram"),
    (f"{VIEW} VKAndroidApp/8.131-27345", "android", "VK"),
    (f"{IOS} Version/18.0 YaBrowser/25.6.3 YaApp_iOS/2506.3 Mobile/15E148 Safari/604.1", "ios", "Yandex"),
    (f"{IOS} GSA/373.0.776537474 Mobile/15E148 Safari/604.1", "ios", "Google"),
    # such as those of mail programs, which do not say whose they are
    (f"{IOS} Mobile/15E148", "ios", SOME_APP),
    (VIEW, "android", SOME_APP),
]
PROGRAMS = [
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "preview"),
    ("meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)", "crawler"),
    # iMessage calls itself everything
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) {WEBKIT} Version/9.0.1 Safari/601.2.4 "
        "facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "preview",
    ),
    ("WhatsApp/2.25.17.80 A", "preview"),
    ("WhatsApp/2.2523.1 N", "preview"),
    ("TelegramBot (like TwitterBot)", "preview"),
    ("Twitterbot/1.0", "preview"),
    ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "preview"),
    ("Slack-ImgProxy (+https://api.slack.com/robots)", "preview"),
    ("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", "preview"),
    ("LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", "preview"),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com", "preview"),
    ("Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)", "preview"),
    ("Viber/24.9.0", "preview"),
    ("facebookexternalhit/1.1;line-poker/1.0", "preview"),
    ("facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/t/scrap/33984", "preview"),
    ("Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)", "preview"),
    ("Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)", "preview"),
    ("Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)", "preview"),
    ("http.rb/5.1.1 (Mastodon/4.3.8; +https://social.example/)", "preview"),
    ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "scanner"),
    ("Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "scanner"),
    ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.18827; Pro)", "scanner"),
    ("Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", "scanner"),
    ("Mozilla/5.0 (compatible; proofpoint URL Defense)", "scanner"),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0 Safari/537.36",
        "scanner",
    ),
    ("curl/8.5.0", "scanner"),
    ("Wget/1.21.4", "scanner"),
    ("python-requests/2.32.3", "scanner"),
    ("Python/3.12 aiohttp/3.9.5", "scanner"),
    ("Go-http-client/2.0", "scanner"),
    ("Java/17.0.11", "scanner"),
    ("okhttp/4.12.0", "scanner"),
    ("axios/1.7.2", "scanner"),
    ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP2A.240905.003)", "scanner"),
    ("SomeNewThing/0.1", "scanner"),
    ("", "scanner"),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
    (
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {CHROME} Mobile Safari/537.36 "
        "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "crawler",
    ),
    ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "crawler"),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.4 Safari/605.1.15 "
        "(Applebot/0.1; +http://www.apple.com/go/applebot)",
        "crawler",
    ),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "crawler"),
    (
        "Mozilla/5.0 (compatible; SeznamBot/4.0; +https://o-seznam.cz/napoveda/vyhledavani/en/seznambot-crawler/)",
        "crawler",
    ),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "crawler"),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "crawler",
    ),
    ("Mozilla/5.0 (compatible; SomeNewThing-Bot/0.1)", "crawler"),
    ("Mozilla/5.0 (compatible; Nobody; +https://nobody.example)", "crawler"),
]
SAFARI = PEOPLE[0][0]


def asked(agent: str, *, method: str = "GET", **more: str) -> Visitor:
    """Return who sends a request as a browser does, with these headers too."""
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return visitor(method, {"user-agent": agent, "accept-language": "cs-CZ,cs;q=0.9"} | headers)


@pytest.mark.parametrize(("agent", "device", "app"), PEOPLE)
def test_people_are_told_by_phone_and_app(agent: str, device: str, app: str | None) -> None:
    """Each of these is a person, on that kind of device, in that app's own browser or in a real one."""
    assert asked(agent) == Visitor(device, app)  # type: ignore[arg-type]


@pytest.mark.parametrize(("agent", "machine"), PROGRAMS)
def test_programs_are_told_from_people(agent: str, machine: str) -> None:
    """Each of these is a program of that kind, also where it says which language it likes."""
    assert asked(agent).machine == machine
    assert asked(agent).app is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("sec_purpose", "prefetch"),
        ("sec_purpose", "prefetch;prerender"),
        ("sec_purpose", "prefetch;anonymous-client-ip"),
        ("purpose", "prefetch"),
        ("purpose", "preview"),
        ("x_purpose", "preview"),
        ("x_moz", "prefetch"),
    ],
)
def test_what_is_fetched_ahead_is_nobody_yet(header: str, value: str) -> None:
    """A browser that fetches a page before its reader wants it says so."""
    assert asked(SAFARI, **{header: value}).machine == "prefetch"


def test_who_asks_for_headers_alone_is_a_program() -> None:
    """No person sees the answer to HEAD."""
    assert asked(SAFARI, method="HEAD").machine == "scanner"
    assert asked(SAFARI).machine is None


def test_a_browser_without_a_language_is_none() -> None:
    """A program that calls itself a browser forgets what every browser says."""
    assert visitor("GET", {"user-agent": SAFARI}).machine == "scanner"
    assert visitor("GET", {"user-agent": SAFARI, "accept-language": ""}).machine == "scanner"


@pytest.mark.parametrize(("agent", "wallet"), [(SAFARI, "apple"), (VIEW, "google"), (MAC, None), (WINDOWS, None)])
def test_a_phone_has_one_wallet(agent: str, wallet: str | None) -> None:
    """A computer may have either; what calls itself a Mac may be an iPad, so nothing is concluded from it."""
    assert asked(agent).wallet == wallet
