"""What the pages for members say, in the languages that we speak."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "my_page": "My page",
        "ask_hint": (
            "Enter the e-mail address by which the shop knows you. You will get a letter with a link that opens your "
            "page; there is no password."
        ),
        "email": "E-mail",
        "wrong_email": "Please enter an e-mail address, such as name@mail.example.",
        "fault": "Error",
        "send": "Send me the link",
        "busy": "Too many links were asked for just now. Please try again in {minutes} min.",
        "sent": "Look into your mail",
        "sent_hint": (
            "If a card belongs to this address, a letter with a link is on its way. It works once, within 15 "
            "minutes. Look among unwanted mail, too."
        ),
        "joined": "Look into your mail",
        "joined_hint": (
            "A letter is on its way to the address that you entered. The button in it opens your card. It works for "
            "three days; look among unwanted mail, too."
        ),
        "again": "Ask for a link",
        "arrive_hint": "Press the button to open your page. The link of the letter is used up by it.",
        "open": "Open my page",
        "cookie": (
            "While your page is open, one cookie says that it is you. It ends when you sign out, or after 30 minutes "
            "of rest. There is no other."
        ),
        "verify": "Is this your address?",
        "verify_hint": "{address} was given for a card of {program}. Only you can read the letter with this link.",
        "yes": "Yes, that is my address",
        "no": "No, that was not me",
        "known": "You have a card already",
        "known_hint": (
            "{address} belongs to a card of {program} that you have already. What is on the new card goes over to "
            "it, and the new one is no longer valid."
        ),
        "keep": "Keep the card that I have",
        "disowned": "Thank you",
        "disowned_hint": "The address was deleted. Nobody is known by it because of this letter.",
        "signed_out": "You are signed out",
        "signed_out_hint": "Your card on the phone works as before.",
        "left": "You have left the programme",
        "left_hint": "Your data are deleted, and your card is no longer valid. You can remove it from your phone.",
        "over": "This link does not work",
        "over_hint": "Perhaps it has expired or been used, or a part of it was lost. You can ask for a new one.",
        "refused": "Nothing was changed",
        "refused_hint": (
            "We could not tell that it was you who pressed the button. Please open your page and try again."
        ),
        "no_letters": "There are no pages for members here",
        "no_letters_hint": "You can open your card by the link that you got with it.",
        "sign_out": "Sign out",
        "saved": "Saved.",
        "replaced": "This is your new card. Add it to your phone; the one before is no longer valid.",
        "card": "Your card",
        "code": "Card code",
        "on_phone": "On your phone",
        "new_phone": "You have a new phone? Open this page on it and add the same card once more.",
        "lost_link": "My phone was lost",
        "lost": "Was your phone lost?",
        "lost_hint": (
            "You get a new card with all that is on yours. The card that you have now, and its code, are no longer "
            "valid on any phone."
        ),
        "lost_do": "Give me a new card",
        "back": "Back to my page",
        "history": "What happened last",
        "whole": "The whole statement",
        "terms": "How the programme works",
        "rewards": "Rewards",
        "ready": "Ready for you",
        "show_code": "Show the code of {reward}",
        "code_hint": "Show this code at the till, or enter it in the shop. It works once.",
        "no_code": "Show your card at the till.",
        "until": "until {date}",
        "offers": "What points bring",
        "can_have": "You can have it now: ask at the till.",
        "why_not_active": "Your card is no longer valid.",
        "why_only_automatic": "It comes by itself.",
        "why_only_granted": "It is given on an occasion.",
        "why_tier_too_low": "From the tier {tier} on.",
        "why_limit_reached": "You have had it as often as one may.",
        "why_out_of_stock": "There is none left.",
        "why_insufficient_balance": "{points} to go.",
        "why_below_minimum": "From {points} on.",
        "why_above_share_of_order": "At most {points} for an order.",
        "why_order_needed": "With a purchase, at the till.",
        "why_cause_needed": "Choose at the till whom it goes to.",
        "consents": "What you agree to",
        "agreed": "Agreed on {date}",
        "not_agreed": "Withdrawn on {date}",
        "never": "Not agreed to",
        "version": "text {version}",
        "newer": "The text has changed since then.",
        "fixed": "Needed to be a member; it ends when you leave.",
        "save": "Save",
        "data": "Your data",
        "download": "Download all that is kept about you (JSON)",
        "leave_link": "Leave the programme",
        "leave": "Leave {program}?",
        "leave_hint": (
            "Your name, birthday and addresses are deleted, your card is no longer valid, and what is on it is lost. "
            "Nobody can bring it back. The shop keeps figures of purchases without your name."
        ),
        "lost_with": "What is lost",
        "leave_do": "Leave, and delete my data",
    },
    "ru": {
        "my_page": "Моя страница",
        "ask_hint": (
            "Укажите эл. почту, по которой вас знает магазин. Вы получите письмо со ссылкой на вашу страницу; пароля "
            "нет."
        ),
        "email": "Эл. почта",
        "wrong_email": "Укажите адрес эл. почты, например name@mail.example.",
        "fault": "Ошибка",
        "send": "Прислать ссылку",
        "busy": "Сейчас запросили слишком много ссылок. Попробуйте ещё раз через {minutes} мин.",
        "sent": "Проверьте почту",
        "sent_hint": (
            "Если к этому адресу относится карта, письмо со ссылкой уже в пути. Ссылка сработает один раз, в течение "
            "15 минут. Загляните и в нежелательную почту."
        ),
        "joined": "Проверьте почту",
        "joined_hint": (
            "Письмо на указанный вами адрес уже в пути. Кнопка в нём открывает вашу карту. Она работает три дня; "
            "загляните и в нежелательную почту."
        ),
        "again": "Запросить ссылку",
        "arrive_hint": "Нажмите кнопку, чтобы открыть свою страницу. После этого ссылка из письма больше не сработает.",
        "open": "Открыть мою страницу",
        "cookie": (
            "Пока страница открыта, один файл cookie подтверждает, что это вы. Он исчезнет, когда вы выйдете, или "
            "через 30 минут без действий. Других нет."
        ),
        "verify": "Это ваш адрес?",
        "verify_hint": "{address} указали для карты {program}. Письмо с этой ссылкой можете прочесть только вы.",
        "yes": "Да, это мой адрес",
        "no": "Нет, это был не я",
        "known": "У вас уже есть карта",
        "known_hint": (
            "{address} относится к карте {program}, которая у вас уже есть. Всё с новой карты перейдёт на неё, а "
            "новая перестанет действовать."
        ),
        "keep": "Оставить карту, которая у меня есть",
        "disowned": "Спасибо",
        "disowned_hint": "Адрес удалён. Из-за этого письма по нему никого не узнают.",
        "signed_out": "Вы вышли",
        "signed_out_hint": "Карта в телефоне работает как прежде.",
        "left": "Вы вышли из программы",
        "left_hint": "Ваши данные удалены, карта больше не действует. Её можно убрать из телефона.",
        "over": "Эта ссылка не работает",
        "over_hint": "Возможно, её срок истёк, ею уже воспользовались или часть её потерялась. Можно запросить новую.",
        "refused": "Ничего не изменено",
        "refused_hint": "Мы не смогли убедиться, что кнопку нажали вы. Откройте свою страницу и попробуйте ещё раз.",
        "no_letters": "Здесь нет страниц для участников",
        "no_letters_hint": "Карту можно открыть по ссылке, которую вы с ней получили.",
        "sign_out": "Выйти",
        "saved": "Сохранено.",
        "replaced": "Это ваша новая карта. Добавьте её в телефон; прежняя больше не действует.",
        "card": "Ваша карта",
        "code": "Код карты",
        "on_phone": "В телефоне",
        "new_phone": "У вас новый телефон? Откройте эту страницу на нём и добавьте ту же карту ещё раз.",
        "lost_link": "Я потерял телефон",
        "lost": "Телефон потерян?",
        "lost_hint": (
            "Вы получите новую карту со всем, что есть на вашей. Нынешняя карта и её код перестанут действовать на "
            "всех телефонах."
        ),
        "lost_do": "Получить новую карту",
        "back": "Назад на мою страницу",
        "history": "Последние операции",
        "whole": "Вся выписка",
        "terms": "Как работает программа",
        "rewards": "Награды",
        "ready": "Ждёт вас",
        "show_code": "Показать код: {reward}",
        "code_hint": "Покажите этот код на кассе или введите в магазине. Он действует один раз.",
        "no_code": "Покажите карту на кассе.",
        "until": "до {date}",
        "offers": "Что можно получить за баллы",
        "can_have": "Можно получить сейчас: скажите на кассе.",
        "why_not_active": "Ваша карта больше не действует.",
        "why_only_automatic": "Приходит само.",
        "why_only_granted": "Даётся по особому случаю.",
        "why_tier_too_low": "Начиная с уровня {tier}.",
        "why_limit_reached": "Вы уже получили это столько раз, сколько можно.",
        "why_out_of_stock": "Больше не осталось.",
        "why_insufficient_balance": "Не хватает: {points}.",
        "why_below_minimum": "Начиная с {points}.",
        "why_above_share_of_order": "Не больше {points} за заказ.",
        "why_order_needed": "Вместе с покупкой, на кассе.",
        "why_cause_needed": "Выберите на кассе, кому это пойдёт.",
        "consents": "На что вы согласны",
        "agreed": "Согласие дано {date}",
        "not_agreed": "Отозвано {date}",
        "never": "Согласия нет",
        "version": "текст {version}",
        "newer": "С тех пор текст изменился.",
        "fixed": "Нужно для участия; прекращается, когда вы выходите из программы.",
        "save": "Сохранить",
        "data": "Ваши данные",
        "download": "Скачать всё, что о вас хранится (JSON)",
        "leave_link": "Выйти из программы",
        "leave": "Выйти из программы {program}?",
        "leave_hint": (
            "Имя, день рождения и адреса будут удалены, карта перестанет действовать, и всё, что на ней есть, "
            "пропадёт. Вернуть это никто не сможет. У магазина останутся суммы покупок без вашего имени."
        ),
        "lost_with": "Что пропадёт",
        "leave_do": "Выйти и удалить мои данные",
    },
    "cs": {
        "my_page": "Moje stránka",
        "ask_hint": (
            "Zadejte e-mail, pod kterým vás obchod zná. Přijde vám dopis s odkazem, který otevře vaši stránku; heslo "
            "není."
        ),
        "email": "E-mail",
        "wrong_email": "Zadejte prosím e-mailovou adresu, například name@mail.example.",
        "fault": "Chyba",
        "send": "Poslat odkaz",
        "busy": "Právě teď si odkaz vyžádalo příliš mnoho lidí. Zkuste to prosím znovu za {minutes} min.",
        "sent": "Podívejte se do pošty",
        "sent_hint": (
            "Pokud k této adrese patří karta, dopis s odkazem je na cestě. Odkaz funguje jednou, do 15 minut. "
            "Podívejte se i mezi nevyžádanou poštu."
        ),
        "joined": "Podívejte se do pošty",
        "joined_hint": (
            "Dopis je na cestě na adresu, kterou jste zadali. Tlačítko v něm otevře vaši kartu. Funguje tři dny; "
            "podívejte se i mezi nevyžádanou poštu."
        ),
        "again": "Vyžádat odkaz",
        "arrive_hint": "Stisknutím tlačítka otevřete svou stránku. Odkaz z dopisu se tím spotřebuje.",
        "open": "Otevřít mou stránku",
        "cookie": (
            "Dokud je stránka otevřená, jedna cookie říká, že jste to vy. Skončí, když se odhlásíte, nebo po 30 "
            "minutách nečinnosti. Jiná tu není."
        ),
        "verify": "Je to vaše adresa?",
        "verify_hint": "{address} byla uvedena pro kartu {program}. Dopis s tímto odkazem můžete číst jen vy.",
        "yes": "Ano, to je moje adresa",
        "no": "Ne, to jsem nebyl já",
        "known": "Kartu už máte",
        "known_hint": (
            "{address} patří ke kartě {program}, kterou už máte. Co je na nové kartě, přejde na ni, a nová přestane "
            "platit."
        ),
        "keep": "Ponechat kartu, kterou mám",
        "disowned": "Děkujeme",
        "disowned_hint": "Adresa byla smazána. Kvůli tomuto dopisu podle ní nikoho nepoznáme.",
        "signed_out": "Jste odhlášeni",
        "signed_out_hint": "Karta v telefonu funguje dál jako dosud.",
        "left": "Vystoupili jste z programu",
        "left_hint": "Vaše údaje jsou smazány a karta už neplatí. Můžete ji z telefonu odebrat.",
        "over": "Tento odkaz nefunguje",
        "over_hint": "Možná vypršel, už byl použit, nebo se jeho část ztratila. Můžete si vyžádat nový.",
        "refused": "Nic se nezměnilo",
        "refused_hint": "Nepoznali jsme, že jste tlačítko stiskli vy. Otevřete prosím svou stránku a zkuste to znovu.",
        "no_letters": "Stránky pro členy tu nejsou",
        "no_letters_hint": "Kartu otevřete odkazem, který jste k ní dostali.",
        "sign_out": "Odhlásit se",
        "saved": "Uloženo.",
        "replaced": "Toto je vaše nová karta. Přidejte si ji do telefonu; předchozí už neplatí.",
        "card": "Vaše karta",
        "code": "Kód karty",
        "on_phone": "V telefonu",
        "new_phone": "Máte nový telefon? Otevřete tuto stránku na něm a přidejte tutéž kartu znovu.",
        "lost_link": "Telefon se mi ztratil",
        "lost": "Ztratil se vám telefon?",
        "lost_hint": (
            "Dostanete novou kartu se vším, co máte na této. Nynější karta a její kód přestanou platit na všech "
            "telefonech."
        ),
        "lost_do": "Dejte mi novou kartu",
        "back": "Zpět na mou stránku",
        "history": "Poslední pohyby",
        "whole": "Celý výpis",
        "terms": "Jak program funguje",
        "rewards": "Odměny",
        "ready": "Čeká na vás",
        "show_code": "Ukázat kód: {reward}",
        "code_hint": "Ukažte tento kód u pokladny, nebo ho zadejte v obchodě. Platí jednou.",
        "no_code": "Ukažte u pokladny svou kartu.",
        "until": "do {date}",
        "offers": "Co za body je",
        "can_have": "Můžete si vzít hned: řekněte si u pokladny.",
        "why_not_active": "Vaše karta už neplatí.",
        "why_only_automatic": "Přijde sama.",
        "why_only_granted": "Dává se při zvláštní příležitosti.",
        "why_tier_too_low": "Od úrovně {tier}.",
        "why_limit_reached": "Měli jste ji už tolikrát, kolikrát je to možné.",
        "why_out_of_stock": "Už žádná nezbyla.",
        "why_insufficient_balance": "Chybí: {points}.",
        "why_below_minimum": "Nejméně {points}.",
        "why_above_share_of_order": "Nejvýše {points} na objednávku.",
        "why_order_needed": "S nákupem, u pokladny.",
        "why_cause_needed": "U pokladny zvolte, komu připadne.",
        "consents": "S čím souhlasíte",
        "agreed": "Souhlas z {date}",
        "not_agreed": "Odvoláno {date}",
        "never": "Bez souhlasu",
        "version": "text {version}",
        "newer": "Text se od té doby změnil.",
        "fixed": "Je třeba k členství; končí, když vystoupíte.",
        "save": "Uložit",
        "data": "Vaše údaje",
        "download": "Stáhnout vše, co o vás uchováváme (JSON)",
        "leave_link": "Vystoupit z programu",
        "leave": "Vystoupit z {program}?",
        "leave_hint": (
            "Vaše jméno, narozeniny a adresy se smažou, karta přestane platit a o to, co na ní je, přijdete. Nikdo "
            "to nevrátí. Obchodu zůstanou částky nákupů bez vašeho jména."
        ),
        "lost_with": "O co přijdete",
        "leave_do": "Vystoupit a smazat mé údaje",
    },
    "ro": {
        "my_page": "Pagina mea",
        "ask_hint": (
            "Scrie adresa de e-mail după care te cunoaște magazinul. Primești o scrisoare cu un link care deschide "
            "pagina ta; nu există parolă."
        ),
        "email": "E-mail",
        "wrong_email": "Scrie, te rog, o adresă de e-mail, de exemplu name@mail.example.",
        "fault": "Eroare",
        "send": "Trimite-mi linkul",
        "busy": "S-au cerut prea multe linkuri chiar acum. Încearcă, te rog, din nou peste {minutes} min.",
        "sent": "Uită-te în e-mail",
        "sent_hint": (
            "Dacă de această adresă ține un card, o scrisoare cu un link este pe drum. Linkul funcționează o singură "
            "dată, timp de 15 minute. Uită-te și în mesajele nedorite."
        ),
        "joined": "Uită-te în e-mail",
        "joined_hint": (
            "O scrisoare este pe drum către adresa pe care ai scris-o. Butonul din ea deschide cardul tău. "
            "Funcționează trei zile; uită-te și în mesajele nedorite."
        ),
        "again": "Cere un link",
        "arrive_hint": "Apasă butonul ca să deschizi pagina ta. Linkul din scrisoare se consumă astfel.",
        "open": "Deschide pagina mea",
        "cookie": (
            "Cât timp pagina ta este deschisă, un singur cookie spune că ești tu. Se termină când ieși sau după 30 "
            "de minute fără activitate. Altul nu există."
        ),
        "verify": "Este adresa ta?",
        "verify_hint": "{address} a fost dată pentru un card {program}. Doar tu poți citi scrisoarea cu acest link.",
        "yes": "Da, este adresa mea",
        "no": "Nu, nu am fost eu",
        "known": "Ai deja un card",
        "known_hint": (
            "{address} ține de un card {program} pe care îl ai deja. Ce este pe cardul nou trece pe el, iar cel nou "
            "nu mai este valabil."
        ),
        "keep": "Păstrez cardul pe care îl am",
        "disowned": "Mulțumim",
        "disowned_hint": "Adresa a fost ștearsă. Din cauza acestei scrisori nimeni nu este cunoscut după ea.",
        "signed_out": "Ai ieșit",
        "signed_out_hint": "Cardul din telefon funcționează ca înainte.",
        "left": "Ai părăsit programul",
        "left_hint": "Datele tale sunt șterse, iar cardul nu mai este valabil. Îl poți scoate din telefon.",
        "over": "Acest link nu funcționează",
        "over_hint": "Poate a expirat, a fost deja folosit sau o parte din el s-a pierdut. Poți cere unul nou.",
        "refused": "Nu s-a schimbat nimic",
        "refused_hint": (
            "Nu ne-am putut da seama că tu ai apăsat butonul. Deschide, te rog, pagina ta și încearcă din nou."
        ),
        "no_letters": "Aici nu există pagini pentru membri",
        "no_letters_hint": "Cardul se deschide cu linkul pe care l-ai primit odată cu el.",
        "sign_out": "Ieșire",
        "saved": "Salvat.",
        "replaced": "Acesta este cardul tău nou. Adaugă-l în telefon; cel dinainte nu mai este valabil.",
        "card": "Cardul tău",
        "code": "Codul cardului",
        "on_phone": "În telefon",
        "new_phone": "Ai un telefon nou? Deschide pagina aceasta pe el și adaugă același card încă o dată.",
        "lost_link": "Mi-am pierdut telefonul",
        "lost": "Ți-ai pierdut telefonul?",
        "lost_hint": (
            "Primești un card nou cu tot ce este pe al tău. Cardul de acum și codul lui nu mai sunt valabile pe "
            "niciun telefon."
        ),
        "lost_do": "Vreau un card nou",
        "back": "Înapoi la pagina mea",
        "history": "Ce s-a întâmplat ultima dată",
        "whole": "Tot extrasul",
        "terms": "Cum funcționează programul",
        "rewards": "Recompense",
        "ready": "Te așteaptă",
        "show_code": "Arată codul: {reward}",
        "code_hint": "Arată acest cod la casă sau scrie-l în magazin. Funcționează o singură dată.",
        "no_code": "Arată cardul tău la casă.",
        "until": "până la {date}",
        "offers": "Ce aduc punctele",
        "can_have": "O poți lua acum: spune la casă.",
        "why_not_active": "Cardul tău nu mai este valabil.",
        "why_only_automatic": "Vine de la sine.",
        "why_only_granted": "Se dă cu o ocazie anume.",
        "why_tier_too_low": "De la nivelul {tier} în sus.",
        "why_limit_reached": "Ai luat-o deja de câte ori se poate.",
        "why_out_of_stock": "Nu a mai rămas niciuna.",
        "why_insufficient_balance": "Mai lipsesc: {points}.",
        "why_below_minimum": "Cel puțin {points}.",
        "why_above_share_of_order": "Cel mult {points} la o comandă.",
        "why_order_needed": "Împreună cu o cumpărătură, la casă.",
        "why_cause_needed": "Alege la casă cui se duce.",
        "consents": "Cu ce ești de acord",
        "agreed": "Acord dat pe {date}",
        "not_agreed": "Retras pe {date}",
        "never": "Fără acord",
        "version": "textul {version}",
        "newer": "Textul s-a schimbat de atunci.",
        "fixed": "Este necesar ca să fii membru; se termină când pleci.",
        "save": "Salvează",
        "data": "Datele tale",
        "download": "Descarcă tot ce se păstrează despre tine (JSON)",
        "leave_link": "Părăsește programul",
        "leave": "Părăsești {program}?",
        "leave_hint": (
            "Numele, ziua de naștere și adresele tale se șterg, cardul nu mai este valabil, iar ce este pe el se "
            "pierde. Nimeni nu le poate aduce înapoi. Magazinului îi rămân sumele cumpărăturilor, fără numele tău."
        ),
        "lost_with": "Ce se pierde",
        "leave_do": "Plec și șterg datele mele",
    },
}
