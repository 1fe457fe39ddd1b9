import Storage
import Wire

/// What clients ask of messages, as commands in the tenant's transaction.
struct MessageCommands {
  private let tx: Transaction

  init(_ tx: Transaction) { self.tx = tx }

  /// Takes a message to be sent: the worst price that it may cost is held, and it is queued, in
  /// this transaction.
  ///
  /// `traceID`, the request's own, goes with it to Graph.
  ///
  /// A blocked number takes messages too: they wait, their money held, until it may send again.
  /// Throws `not_found` for an unknown number or template, `invalid_state` for a template that Meta
  /// does not send, `invalid_field` for the wrong number of parameters, `price_missing`,
  /// `insufficient_funds`, `conflict` where the recipient stopped marketing.
  func send(
    _ request: OutboundMessage, traceID: String? = nil
  ) throws -> (message: Message, state: MessageState) {
    let number = try sender(request.sender)
    let category = try category(of: request)
    let id = tx.freshID()
    let market = Message.market(party: request.address.party, userID: request.address.userID)
    let prices = try Prices(tx)
    let quote = try prices.quote(market: market, category: category, at: tx.now)
    let worst = try quote.amount.adding(try prices.reserve(beyond: quote, at: tx.now))
    if category == .marketing,
      try Contacts(tx).isOptedOut(
        waID: request.address.party, userID: request.address.userID)
    {
      throw Failure(.conflict, "the recipient stopped marketing messages")
    }
    let until = tx.now.adding(seconds: MessageLimits.holdSeconds)
    let hold = try Ledger(tx).hold(worst, for: .message(id), until: until)
    var message = Message(
      id: id, isOutgoing: true, at: tx.now, phoneNumberID: number.phoneNumberID,
      type: request.type)
    message.party = request.address.party
    message.userID = request.address.userID
    message.content = request.content
    message.contextID = request.contextID
    message.trace = traceID.map { TraceID($0) }.flatMap { $0 == .none ? nil : $0 }
    message.charge = MessageCharge(hold: hold, quote: quote, isOwnHold: true)
    let store = MessageStore(try tx.file(.messages))
    try store.insert(message)
    try store.put(
      MessageStanding(lifecycle: MessageLifecycle(), at: tx.now, due: tx.now), of: id)
    tx.addDue(at: tx.now)
    return (message, .queued)
  }

  /// A template's own category; anything else is service.
  ///
  /// What clients say about it is not asked: the price hangs on it.
  private func category(of request: OutboundMessage) throws -> MessageCategory {
    guard let use = request.template else { return .service }
    guard let template = try Templates(tx).find(name: use.name, language: use.language) else {
      throw Failure(
        .notFound, "template.name: there is no template \(use.name) in \(use.language)")
    }
    try template.check(use)
    return template.category
  }

  private func sender(_ sender: OutboundMessage.Sender) throws -> Number {
    let numbers = try Numbers(tx)
    switch sender {
    case .number(let id): return try numbers.find(id)
    case .phoneNumberID(let id):
      guard let number = try numbers.find(phoneNumberID: id) else {
        throw Failure(.notFound, "there is no such number")
      }
      return number
    }
  }
}
