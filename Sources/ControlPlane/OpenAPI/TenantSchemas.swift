/// Shapes of what cells keep for a tenant.
extension Schemas {
  static let money: KeyValuePairsList = [
    (
      "APIKeyInput",
      object([
        "name": string, "mode": words("live", "test"), "scopes": strings, "allow_cidrs?": strings,
        "rate?": object(["per_second": integer, "burst": integer]), "expires_at?": time,
      ])
    ),
    ("APIKey", object(["id": string, "key?": string, "public_id": string, "name?": string])),
    (
      "PriceInput",
      object([
        "currency": string,
        "rates": list(
          of: object([
            "market": string, "category": string, "valid_from?": time, "amount_micros": integer,
          ])),
      ])
    ),
    ("Prices", object(["version": integer, "currency?": string, "rates": list(of: anything)])),
    (
      "TopUpInput",
      object(["amount_micros": integer, "currency": string, "reference": string])
    ),
    (
      "TopUp",
      object([
        "id": string, "balance_micros": integer, "held_micros": integer,
        "available_micros": integer,
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
        "id": string, "at": time, "account": string, "amount_micros": integer, "kind": string,
        "source_id?": string, "balance_after_micros": integer,
      ])
    ),
  ]

  static let sending: KeyValuePairsList = [
    (
      "NumberInput",
      object([
        "phone_number_id": string, "waba_id": string, "access_token": string, "meta_app": string,
      ])
    ),
    ("Number", object(["id": string, "phone_number_id": string, "state": string])),
    (
      "TemplateInput",
      object([
        "category": words("marketing", "utility", "authentication"),
        "components": list(of: anything), "parameter_format?": string,
      ])
    ),
    ("Template", object(["status": string, "version": integer])),
    (
      "CampaignInput",
      object([
        "name": string, "number_id": string,
        "template": object(["name": string, "language": string]), "recipients?": recipients,
        "scheduled_at?": time,
      ])
    ),
    ("RecipientPage", object(["page": integer, "recipients": recipients])),
    (
      "Campaign",
      object([
        "id": string,
        "state": words("draft", "scheduled", "running", "paused", "completed", "cancelled"),
        "hold_micros?": integer, "counts?": anything, "money?": anything,
      ])
    ),
    (
      "Recipient",
      object([
        "to?": string, "message_id?": string, "state": string, "code?": integer, "cause?": string,
        "action?": string,
      ])
    ),
    (
      "MessageInput",
      [
        "type": "object", "additionalProperties": true,
        "properties": ["number_id": string, "to": string, "recipient": string, "type": string],
        "required": ["number_id", "type"],
      ]
    ),
    ("MessageAccepted", object(["id": string, "state": string])),
    (
      "Message",
      object([
        "id": string, "wamid?": string, "direction": words("inbound", "outbound"),
        "type": string, "from?": string, "from_user_id?": string, "to?": string,
        "content": anything, "supported": boolean, "status": string,
        "statuses": list(of: object(["status": string, "at": time, "raw": anything])),
        "error?": anything, "context_id?": string, "campaign_id?": string, "at": time,
      ])
    ),
    (
      "MessageMoney",
      object([
        "hold?": anything, "price?": anything, "evidence": list(of: anything),
        "settlement": list(of: anything),
      ])
    ),
    ("WebhookBody", anything),
    ("ContactInput", anything),
    ("Contact", ["type": "object", "additionalProperties": true, "required": ["id"]]),
  ]

  private static let recipients = list(
    of: object(["to?": string, "user_id?": string, "parameters?": strings]))
}
