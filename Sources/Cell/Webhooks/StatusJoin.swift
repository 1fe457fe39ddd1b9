import Storage
import Wire

/// Brings statuses and the messages they are about together, whichever is known first.
///
/// A status names its message by wamid, and by our own id where WhatsApp echoes it. One whose
/// message is not known makes a placeholder, an outgoing message of type `unknown`: it can be read
/// like any other, and gives what it holds to its message as soon as that is known.
struct StatusJoin {
  private let tracking: MessageTracking
  private var tx: Transaction { tracking.tx }
  private var store: MessageStore { tracking.store }

  init(_ tracking: MessageTracking) { self.tracking = tracking }

  /// Graph gave `id` this wamid: adopts what statuses have told about it already.
  func link(_ wamid: String, to id: RowID) throws {
    if let known = try store.wamid(of: id) {
      if known != wamid {
        try store.insertAlert(.sentTwice, id: tx.freshID(), of: id, at: tx.now)
      }
      return
    }
    guard let holder = try store.outgoing(wamid) else { return try store.setWamid(wamid, of: id) }
    guard holder != id, try store.message(holder)?.type == Message.placeholderType else { return }
    let evidence = try store.evidence(holder)
    let error = try store.error(holder)
    try store.removePlaceholder(holder)
    try store.setWamid(wamid, of: id)
    if let error { try store.put(error, of: id) }
    for status in evidence where try store.insert(status, of: id) {
      try tracking.apply(to: id) { $0.noteStatus(StatusKind(status.status)) }
      try settle(id, status.raw)
    }
  }

  /// Applies a status; answers the message it belongs to, nil for a duplicate.
  func note(_ report: StatusReport, receivedAt: Timestamp) throws -> RowID? {
    let id = try owner(of: report)
    let evidence = MessageEvidence(
      status: report.status, participant: report.participant, at: report.at,
      receivedAt: receivedAt, raw: report.raw)
    guard try store.insert(evidence, of: id) else { return nil }
    if let error = report.error { try store.put(error, of: id) }
    try tracking.apply(to: id) { $0.noteStatus(report.kind) }
    try settle(id, report.raw)
    return id
  }

  /// After the status itself: that may be what charges the message.
  private func settle(_ id: RowID, _ raw: [UInt8]) throws {
    guard let pricing = StatusPricing(status: raw) else { return }
    try tracking.settle(id, by: pricing)
  }

  private func owner(of report: StatusReport) throws -> RowID {
    if let callback = report.callback, let message = try store.message(callback),
      message.isOutgoing
    {
      let known = try store.wamid(of: callback)
      if known == nil || known == report.wamid {
        if known == nil { try link(report.wamid, to: callback) }
        return callback
      }
      // Another wamid than the one Graph answered: kept apart, so that neither is overwritten.
      try store.insertAlert(.sentTwice, id: tx.freshID(), of: callback, at: tx.now)
    }
    if let id = try store.outgoing(report.wamid) { return id }
    return try insertPlaceholder(report)
  }

  private func insertPlaceholder(_ report: StatusReport) throws -> RowID {
    let id = tx.freshID()
    var message = Message(
      id: id, isOutgoing: true, at: report.at, phoneNumberID: report.phoneNumberID,
      type: Message.placeholderType)
    message.party = report.party
    message.userID = report.userID
    try store.insert(message)
    try store.setWamid(report.wamid, of: id)
    try store.put(
      MessageStanding(
        lifecycle: MessageLifecycle(state: .accepted, wasAccepted: true), at: report.at, due: nil),
      of: id)
    return id
  }
}
