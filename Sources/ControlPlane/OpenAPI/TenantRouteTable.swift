import Wire

/// The api host's routes: what a tenant's own programs use.
enum TenantRouteTable {
  static let routes: [DescribedRoute] =
    access + money + campaigns + messages + intake + PeopleRouteTable.routes

  private static let access: [DescribedRoute] = [
    .init(
      .api, "POST", "/v1/api-keys", "Create an API key", tag: "API keys",
      body: .json("APIKeyInput"), answer: .json(201, "APIKey"), refusals: [.forbidden]),
    .init(.api, "GET", "/v1/api-keys", "List API keys", tag: "API keys", answer: .list("APIKey")),
    .init(
      .api, "GET", "/v1/api-keys/{id}", "Show an API key", tag: "API keys",
      answer: .json(200, "APIKey"), refusals: [.notFound]),
    .init(
      .api, "DELETE", "/v1/api-keys/{id}", "Revoke an API key", tag: "API keys",
      answer: .empty(204), refusals: [.notFound]),
    .init(
      .api, "POST", "/v1/numbers", "Connect a WhatsApp number", tag: "Numbers",
      body: .json("NumberInput"), answer: .json(201, "Number"),
      refusals: [.numberClaimed, .graphRefused]),
    .init(.api, "GET", "/v1/numbers", "List numbers", tag: "Numbers", answer: .list("Number")),
    .init(
      .api, "GET", "/v1/numbers/{id}", "Show a number", tag: "Numbers",
      answer: .json(200, "Number"), refusals: [.notFound]),
    .init(
      .api, "DELETE", "/v1/numbers/{id}", "Disconnect a number", tag: "Numbers",
      answer: .empty(204), refusals: [.notFound]),
    .init(
      .api, "PUT", "/v1/templates/{name}/{language}", "Register a message template",
      tag: "Templates", body: .json("TemplateInput"), answer: .json(200, "Template")),
    .init(
      .api, "GET", "/v1/templates", "List templates", tag: "Templates",
      answer: .list("Template")),
    .init(
      .api, "GET", "/v1/templates/{name}/{language}", "Show a template", tag: "Templates",
      answer: .json(200, "Template"), refusals: [.notFound]),
    .init(
      .api, "POST", "/v1/contacts", "Create a contact", tag: "Contacts",
      body: .json("ContactInput"), answer: .json(201, "Contact")),
    .init(
      .api, "GET", "/v1/contacts", "List contacts, or find one", tag: "Contacts",
      answer: .list("Contact"), query: ["phone", "user_id", "tag"]),
    .init(
      .api, "GET", "/v1/contacts/{id}", "Show a contact", tag: "Contacts",
      answer: .json(200, "Contact"), refusals: [.notFound]),
    .init(
      .api, "PUT", "/v1/contacts/{id}", "Change a contact", tag: "Contacts",
      body: .json("ContactInput"), answer: .json(200, "Contact"),
      refusals: [.notFound, .conflict]),
  ]

  private static let money: [DescribedRoute] = [
    .init(
      .api, "GET", "/v1/wallet", "Show the wallet", tag: "Wallet", answer: .json(200, "Wallet")),
    .init(
      .api, "GET", "/v1/wallet/entries", "List ledger entries", tag: "Wallet",
      answer: .list("LedgerEntry"), query: ["from", "to"]),
    .init(
      .api, "GET", "/v1/prices", "Show the prices in force", tag: "Wallet",
      answer: .json(200, "Prices"), refusals: [.notFound]),
  ]

  private static let campaigns: [DescribedRoute] = [
    .init(
      .api, "POST", "/v1/campaigns", "Create a campaign", tag: "Campaigns",
      body: .json("CampaignInput"), answer: .json(201, "Campaign")),
    .init(
      .api, "GET", "/v1/campaigns", "List campaigns, newest first", tag: "Campaigns",
      answer: .list("Campaign")),
    .init(
      .api, "GET", "/v1/campaigns/{id}", "Show a campaign", tag: "Campaigns",
      answer: .json(200, "Campaign"), refusals: [.notFound]),
    .init(
      .api, "POST", "/v1/campaigns/{id}/recipients", "Add a page of recipients", tag: "Campaigns",
      body: .json("RecipientPage"), answer: .json(200, "RecipientsAdded"),
      refusals: [.notFound, .conflict, .invalidState]),
    .init(
      .api, "GET", "/v1/campaigns/{id}/recipients", "List recipients and what became of them",
      tag: "Campaigns", answer: .list("Recipient"), query: ["state"], refusals: [.notFound]),
    action(
      "start", "Hold the money and start", body: .optionalJSON("CampaignStart"),
      [.insufficientFunds, .priceMissing]),
    action("pause", "Pause", []), action("resume", "Go on", []),
    action("cancel", "Cancel and release what is held", []),
  ]

  private static func action(
    _ verb: String, _ summary: String, body: DescribedRoute.Body = .none,
    _ refusals: [FailureCode]
  ) -> DescribedRoute {
    .init(
      .api, "POST", "/v1/campaigns/{id}/\(verb)", summary, tag: "Campaigns", body: body,
      answer: .json(200, "Campaign"), refusals: [.notFound, .invalidState] + refusals)
  }

  private static let messages: [DescribedRoute] = [
    .init(
      .api, "POST", "/v1/messages", "Send one message", tag: "Messages",
      body: .json("MessageInput"), answer: .json(202, "MessageAccepted"),
      refusals: [.insufficientFunds, .priceMissing, .tenantSuspended]),
    .init(
      .api, "GET", "/v1/messages", "List messages", tag: "Messages", answer: .list("Message"),
      query: ["direction", "phone_number_id", "contact", "campaign_id", "status", "wamid"]),
    .init(
      .api, "GET", "/v1/messages/{id}", "Show a message", tag: "Messages",
      answer: .json(200, "Message"), refusals: [.notFound]),
    .init(
      .api, "GET", "/v1/messages/{id}/money", "What a message cost, and the evidence",
      tag: "Messages", answer: .json(200, "MessageMoney"), refusals: [.notFound]),
    .init(
      .api, "POST", "/v1/messages/{id}/read", "Tell the sender that it was read", tag: "Messages",
      body: .optionalJSON("MarkReadInput"), answer: .json(200, "MarkedRead"),
      refusals: [.notFound, .invalidState, .graphRefused]),
  ]

  private static let intake: [DescribedRoute] = [
    .init(
      .api, "GET", "/webhooks/whatsapp/{app}", "Meta's verification of a webhook address",
      tag: "Webhooks", authentication: .open, answer: .text(200),
      query: ["hub.mode", "hub.verify_token", "hub.challenge"], refusals: [.verifyTokenWrong]),
    .init(
      .api, "POST", "/webhooks/whatsapp/{app}", "Meta's notifications, signed", tag: "Webhooks",
      authentication: .signature, body: .json("WebhookBody"), answer: .empty(200),
      refusals: [.signatureMissing, .signatureWrong, .notStored]),
    .init(
      .api, "GET", "/v1/webhook-events",
      "List what webhooks reported besides messages and statuses, newest first", tag: "Webhooks",
      answer: .list("WebhookEvent"), query: ["field"]),
    .init(
      .api, "GET", "/openapi.json", "This document", tag: "Health", authentication: .open,
      answer: .json(200, "Document")),
  ]
}
