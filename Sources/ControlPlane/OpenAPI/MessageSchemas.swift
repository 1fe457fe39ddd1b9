/// Shapes of messages and of what webhooks brought, kept by a tenant's cell.
extension Schemas {
  static let messageState = words(
    "queued", "sending", "ambiguous", "accepted", "sent", "delivered", "read", "played", "failed",
    "suppressed", "cancelled", "expired", "received")

  /// A status as Meta sent it, with what it was read as.
  private static let status = object([
    "status": string, "at": time, "received_at": time, "raw": json,
  ])

  static let messages: KeyValuePairsList = [
    (
      "MessageInput",
      [
        "type": "object", "additionalProperties": true,
        "properties": ["number_id": string, "to": string, "recipient": string, "type": string],
        "required": ["number_id", "type"],
      ]
    ),
    ("MessageAccepted", object(["id": string, "state": messageState])),
    (
      "Message",
      object([
        "id": string, "wamid": nullable(string), "direction": words("inbound", "outbound"),
        "type": string, "phone_number_id": string, "from": nullable(string),
        "from_user_id": nullable(string), "to": nullable(string), "to_user_id": nullable(string),
        "content": nullable(anything), "supported": boolean, "status": messageState,
        "statuses": list(of: status),
        "error": nullable(
          object([
            "code": integer, "title": string, "details": string, "cause": nullable(string),
            "action": nullable(string),
          ])), "context_id": nullable(string), "campaign_id": nullable(string),
        "window_expires_at": nullable(time), "attempts": nullable(integer), "status_at": time,
        "at": time,
      ])
    ),
    (
      "MessageMoney",
      object([
        "id": string, "currency": nullable(string),
        "hold": nullable(
          object([
            "id": string, "state": string, "amount_micros": integer, "captured_micros": integer,
            "released_micros": integer, "remaining_micros": integer, "expires_at": nullable(time),
          ])),
        "price": nullable(
          object([
            "id": string, "version": integer, "amount_micros": integer, "market": string,
            "category": string,
          ])), "evidence": list(of: status),
        "settlement": list(
          of: object([
            "id": string, "at": time, "kind": string, "amount_micros": integer,
            "price_id?": string, "price_version?": integer,
          ])),
        "alerts": list(of: object(["kind": string, "at": time])),
      ])
    ),
    ("MarkReadInput", object(["typing?": boolean])),
    ("MarkedRead", object(["success": boolean])),
    (
      "WebhookEvent",
      object([
        "id": string, "received_at": time, "field": string, "waba_id": string,
        "phone_number_id": string, "quarantine": nullable(string), "value": json,
        "text": nullable(string),
      ])
    ),
    ("WebhookBody", anything),
  ]
}
