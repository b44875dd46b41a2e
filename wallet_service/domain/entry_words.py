"""What a card calls each kind of transaction in its last entries; `[entry]` of a locale may call it otherwise."""

from typing import get_args

from wallet_service.domain.ledger import TransactionType

KINDS: tuple[TransactionType, ...] = get_args(TransactionType)
ENTRY_WORDS: dict[str, dict[TransactionType, str]] = {
    "en": {
        "earn": "Earned",
        "activate": "Now available",
        "hold": "Set aside",
        "redeem": "Redeemed",
        "hold_void": "Given back",
        "hold_expire": "Given back",
        "redeem_reversal": "Redemption undone",
        "expire": "Expired",
        "earn_reversal": "Purchase returned",
        "adjust": "Correction",
        "transfer_out": "Transferred out",
        "transfer_in": "Transferred in",
        "partner_settlement": "Settlement",
    },
    "ru": {
        "earn": "Начислено",
        "activate": "Стало доступно",
        "hold": "Отложено",
        "redeem": "Списано",
        "hold_void": "Возвращено",
        "hold_expire": "Возвращено",
        "redeem_reversal": "Списание отменено",
        "expire": "Сгорело",
        "earn_reversal": "Возврат покупки",
        "adjust": "Корректировка",
        "transfer_out": "Переведено",
        "transfer_in": "Получено переводом",
        "partner_settlement": "Взаиморасчёт",
    },
    "cs": {
        "earn": "Připsáno",
        "activate": "Nyní k dispozici",
        "hold": "Odloženo",
        "redeem": "Uplatněno",
        "hold_void": "Vráceno",
        "hold_expire": "Vráceno",
        "redeem_reversal": "Uplatnění zrušeno",
        "expire": "Propadlo",
        "earn_reversal": "Vrácený nákup",
        "adjust": "Oprava",
        "transfer_out": "Převedeno jinam",
        "transfer_in": "Přijato převodem",
        "partner_settlement": "Vyúčtování",
    },
    "ro": {
        "earn": "Acumulare",
        "activate": "Disponibil acum",
        "hold": "Pus deoparte",
        "redeem": "Folosire",
        "hold_void": "Restituire",
        "hold_expire": "Restituire",
        "redeem_reversal": "Folosire anulată",
        "expire": "Expirare",
        "earn_reversal": "Retur",
        "adjust": "Corecție",
        "transfer_out": "Transfer trimis",
        "transfer_in": "Transfer primit",
        "partner_settlement": "Decontare",
    },
}
