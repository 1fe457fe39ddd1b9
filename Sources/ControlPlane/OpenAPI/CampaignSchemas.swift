/// Shapes of numbers, templates, contacts and campaigns, kept by a tenant's cell.
extension Schemas {
  static let campaigns: KeyValuePairsList = [
    (
      "NumberInput",
      object([
        "phone_number_id": string, "waba_id": string, "access_token": string, "meta_app?": string,
      ])
    ),
    (
      "Number",
      object([
        "id": string, "phone_number_id": string, "waba_id": string, "meta_app": string,
        "display_phone_number": string, "verified_name": string,
        "state": words("connected", "blocked"), "state_reason?": string,
        "quality_rating": string, "rate_per_second": integer, "connected_at": time,
      ])
    ),
    (
      "TemplateInput",
      object([
        "category": string, "components": list(of: anything), "parameter_format?": string,
      ])
    ),
    (
      "Template",
      object([
        "id": string, "name": string, "language": string, "status": string, "reason?": string,
        "category": words("marketing", "utility", "authentication", "service"),
        "version": integer, "parameter_format": words("POSITIONAL", "NAMED"),
        "components": list(of: anything), "changed_at": time, "warnings?": strings,
      ])
    ),
    (
      "ContactInput",
      object([
        "phone?": string, "user_id?": string, "name?": string, "opted_out?": boolean,
        "tags?": strings,
      ])
    ),
    (
      "Contact",
      object([
        "id": string, "phone": nullable(string), "user_id": nullable(string),
        "name": nullable(string), "opted_out": boolean, "tags": strings, "created_at": time,
      ])
    ),
    (
      "CampaignInput",
      object([
        "name": string, "number_id": string,
        "template": object(["name": string, "language": string]), "scheduled_at?": time,
      ])
    ),
    ("CampaignStart", object(["scheduled_at?": time])),
    (
      "Campaign",
      object([
        "id": string, "name": string, "number_id": string, "phone_number_id": string,
        "template": object(["name": string, "language": string, "version": nullable(integer)]),
        "state": words("draft", "scheduled", "running", "paused", "completed", "cancelled"),
        "since": time, "scheduled_at": nullable(time),
        "reason": nullable(
          object(["code": nullable(integer), "cause": string, "action": nullable(string)])),
        "hold_micros": integer,
        "counts": object([
          "recipients": integer, "queued": integer, "sending": integer, "accepted": integer,
          "delivered": integer, "read": integer, "failed": integer, "ambiguous": integer,
          "suppressed": integer, "cancelled": integer,
        ]),
        "money": object([
          "currency": nullable(string), "held_micros": integer, "captured_micros": integer,
          "released_micros": integer, "refunded_micros": integer,
        ]), "created_at": time,
      ])
    ),
    (
      "RecipientPage",
      object([
        "page": integer,
        "recipients": list(
          of: object(["to?": string, "user_id?": string, "parameters?": strings])),
      ])
    ),
    (
      "RecipientsAdded",
      object([
        "page": integer, "added": integer, "duplicates": integer, "recipients": integer,
      ])
    ),
    (
      "Recipient",
      object([
        "to": nullable(string), "user_id": nullable(string), "message_id": string,
        "state": messageState, "code": nullable(integer), "cause": nullable(string),
        "action": nullable(string),
      ])
    ),
  ]
}
