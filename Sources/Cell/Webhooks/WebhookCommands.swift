import Storage
import Wire

/// Applies what webhooks report inside one transaction.
struct WebhookCommands {
  private let tx: Transaction
  private let tracking: MessageTracking
  private let receivedAt: Timestamp
  /// The statuses that were news.
  private(set) var applied: [AppliedStatus] = []

  init(_ tx: Transaction, receivedAt: Timestamp) throws {
    self.tx = tx
    self.receivedAt = receivedAt
    tracking = try MessageTracking(tx)
  }

  mutating func apply(_ item: WebhookItem) throws {
    switch item {
    case .incoming(let message): try receive(message)
    case .status(let report): try note(report)
    case .event(let event):
      let store = WebhookEventStore(try tx.file(.messages))
      let isNew = try store.insert(event, id: tx.freshID(), receivedAt: receivedAt)
      if isNew, event.quarantine == nil { try WebhookEvents(tx).act(on: event) }
    }
  }

  func finish() throws { try tracking.finish() }

  private func receive(_ incoming: IncomingMessage) throws {
    let store = tracking.store
    guard
      try store.incoming(
        incoming.wamid, number: incoming.phoneNumberID, type: incoming.type) == nil
    else { return }
    var message = Message(
      id: tx.freshID(), isOutgoing: false, at: incoming.at,
      phoneNumberID: incoming.phoneNumberID, type: incoming.type)
    message.party = incoming.party
    message.userID = incoming.userID
    message.content = incoming.raw
    message.wamid = incoming.wamid
    message.contextID = incoming.contextID
    try store.insert(message)
    if incoming.party != nil || incoming.userID != nil {
      let contacts = try Contacts(tx)
      try contacts.seen(
        waID: incoming.party, userID: incoming.userID, name: incoming.profileName,
        at: incoming.at)
      if let old = incoming.party, let new = incoming.newParty, old != new {
        try contacts.changedNumber(from: old, to: new)
      }
    }
    // What the platform itself reports opens no window; a message of the user does.
    guard incoming.type != "system", !message.contactKey.isEmpty else { return }
    try ServiceWindowStore(tx.file(.messages)).open(
      incoming.phoneNumberID, contact: message.contactKey,
      until: incoming.at.adding(seconds: MessageLimits.windowSeconds))
  }

  private mutating func note(_ report: StatusReport) throws {
    guard let id = try StatusJoin(tracking).note(report, receivedAt: receivedAt) else { return }
    applied.append(
      AppliedStatus(
        message: id, wamid: report.wamid, status: report.status,
        trace: try tracking.store.trace(of: id) ?? id.text(.message)))
    guard let error = report.error, case .failed = report.kind,
      let message = try tracking.store.message(id)
    else { return }
    let rule = GraphErrorRules.asyncRule(for: GraphError(code: error.code, title: error.title))
    try ErrorConsequences(tx).follow(rule, error.code, message)
  }
}

/// A status that changed what is known of its message.
struct AppliedStatus: Hashable, Sendable {
  let message: RowID
  let wamid: String
  let status: String
  /// Of the request that asked for the message; it went with it to Graph.
  let trace: String
}
