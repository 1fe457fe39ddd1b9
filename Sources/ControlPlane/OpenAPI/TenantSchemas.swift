/// Shapes of a tenant's keys, prices and money, kept by its cell.
extension Schemas {
  private static let rate = object(["per_second": integer, "burst": integer])
  private static let category = words("marketing", "utility", "authentication", "service")
  private static let priceLine = object([
    "market": string, "category": category, "valid_from": time, "amount_micros": integer,
  ])

  static let money: KeyValuePairsList = [
    (
      "APIKeyInput",
      object([
        "name": string, "mode?": words("live", "test"), "scopes?": strings,
        "allow_cidrs?": strings, "rate?": rate, "expires_at?": time,
      ])
    ),
    (
      "APIKey",
      object([
        "id": string, "key?": string, "public_id": string, "name": string,
        "mode": words("live", "test"), "scopes": strings, "allow_cidrs": strings, "rate": rate,
        "created_at": time, "created_by": string, "expires_at": nullable(time),
        "revoked_at": nullable(time), "last_used_at": nullable(time),
      ])
    ),
    ("PriceInput", object(["currency": string, "rates": list(of: priceLine)])),
    (
      "Prices", object(["version": integer, "currency": string, "rates": list(of: priceLine)])
    ),
    (
      "TopUpInput",
      object(["amount_micros": integer, "currency": string, "reference": string])
    ),
    (
      "TopUp",
      object([
        "id": string, "reference": string, "amount_micros": integer, "currency": string,
        "balance_micros": integer, "held_micros": integer, "available_micros": integer,
      ])
    ),
    (
      "Wallet",
      object([
        "currency": string, "balance_micros": integer, "held_micros": integer,
        "available_micros": integer,
      ])
    ),
    (
      "LedgerEntry",
      object([
        "id": string, "transfer_id": string, "at": time, "account": string, "currency": string,
        "amount_micros": integer, "kind": string, "source_id": string,
        "balance_after_micros": integer,
      ])
    ),
  ]
}
