import Edge
import Hummingbird
import Storage
import Wire

/// Connecting, listing and removing numbers.
enum NumberRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.post, "/v1/numbers", .numbersWrite) { request, context in
      try await connect(request, context, services)
    }
    routes.api(.get, "/v1/numbers", .numbersRead) { request, context in
      let query = try ListQuery(request)
      let after = try query.afterRow()
      let rows = try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        try NumbersStore(snapshot.file(.messages)).list(after: after, limit: query.limit + 1)
      }
      return try .json(Page(rows, query, key: \.id) { NumberAnswer($0) })
    }
    routes.api(.get, "/v1/numbers/:id", .numbersRead) { _, context in
      let id = try context.rowID("id", .number)
      let number = try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        try NumbersStore(snapshot.file(.messages)).find(id)
      }
      guard let number, number.state != .removed else {
        throw Failure(.notFound, "there is no such number")
      }
      return try .json(NumberAnswer(number))
    }
    routes.api(.delete, "/v1/numbers/:id", .numbersWrite) { _, context in
      try await remove(context, services)
    }
  }

  /// Asks Graph first, then claims, then stores: a claim is never taken for a token that does not
  /// open the number, and no number is stored that another tenant holds or whose Meta app is not
  /// there for this tenant.
  ///
  /// What was answered is answered again before any of it, whatever has become of the number or
  /// its token.
  private static func connect(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let call = try await context.command(NumberInput.self, request, file: .messages)
    let input = call.input
    let answered = try await services.store.read(call.tenant, [.messages]) {
      try $0.answer(under: call.claim)
    }
    if let answered {
      await name(input.phoneNumberID, call.tenant, context, services)
      return answered.response
    }
    let graph = try await services.graph.phoneNumber(
      input.phoneNumberID, token: input.accessToken, traceID: context.traceID)
    let isHeld = try await accountHolds(input, context, services)
    try await services.claims.claim(
      .phoneNumber, input.phoneNumberID, for: call.tenant, name: nil,
      through: input.metaApp)
    if isHeld { await claimAccount(input.wabaID, call.tenant, context, services) }
    await subscribe(input, context, services)
    let sealer = services.sealer
    let tenant = call.tenant
    let response = try await call.perform(services) { tx, input in
      let number = try Numbers(tx).connect(input, graph, sealer)
      // What waited for a blocked number goes on with the new token.
      tx.afterCommit { services.wakeOutbox(tenant) }
      return try .json(201, NumberAnswer(number))
    }
    await name(input.phoneNumberID, tenant, context, services)
    return response
  }

  /// Tells the control plane what we call the number, so that operators may stop it by that name.
  ///
  /// Without it they have to use Meta's.
  private static func name(
    _ phoneNumberID: String, _ tenant: TenantID, _ context: CellContext, _ services: CellServices
  ) async {
    do {
      let number = try await services.store.read(tenant, [.messages]) {
        try NumbersStore($0.file(.messages)).find(phoneNumberID: phoneNumberID)
      }
      guard let number else { return }
      try await services.claims.claim(
        .phoneNumber, phoneNumberID, for: tenant, name: number.id.text(.number),
        through: nil)
    } catch {
      context.edge.logger.notice(
        "the control plane does not know the number's identifier",
        metadata: [
          "phone_number_id": .string(phoneNumberID), "reason": .string(error.description),
        ])
    }
  }

  /// Whether Graph says that the business account holds the number: who could name any account
  /// would get another business's events.
  ///
  /// Throws `invalid_field` where Graph says that it does not; false where Graph does not say.
  private static func accountHolds(
    _ input: NumberInput, _ context: CellContext, _ services: CellServices
  ) async throws(Failure) -> Bool {
    let numbers: [GraphPhoneNumber]
    do {
      numbers = try await services.graph.phoneNumbers(
        waba: input.wabaID, token: input.accessToken, traceID: context.traceID)
    } catch {
      context.edge.logger.notice(
        "Graph does not list the business account's numbers; its own events are not claimed",
        metadata: ["waba_id": .string(input.wabaID), "reason": .string(error.description)])
      return false
    }
    if numbers.contains(where: { $0.id == input.phoneNumberID }) { return true }
    // A full page says nothing about the numbers behind it.
    guard numbers.count < GraphClient.phoneNumberPageLimit else { return false }
    throw Failure(
      .invalidField, "waba_id: this business account does not hold the number")
  }

  /// Events about a business account as a whole go to the tenant that holds it.
  ///
  /// An account whose numbers belong to several tenants has one holder: its first.
  private static func claimAccount(
    _ waba: String, _ tenant: TenantID, _ context: CellContext, _ services: CellServices
  ) async {
    do {
      try await services.claims.claim(.waba, waba, for: tenant, name: nil, through: nil)
    } catch {
      context.edge.logger.notice(
        "the business account's own events go to another tenant",
        metadata: ["waba_id": .string(waba), "reason": .string(error.description)])
    }
  }

  /// Without a subscription Meta sends no webhooks; the number can send all the same, so a refusal
  /// is logged and does not fail the connection.
  private static func subscribe(
    _ input: NumberInput, _ context: CellContext, _ services: CellServices
  ) async {
    do {
      try await services.graph.subscribe(
        waba: input.wabaID, token: input.accessToken, traceID: context.traceID)
    } catch {
      context.edge.logger.warning(
        "Graph did not take the subscription to webhooks",
        metadata: ["waba_id": .string(input.wabaID), "reason": .string(error.description)])
    }
  }

  /// The row goes first, then the claim; repeated after a crash between the two, both are gone.
  private static func remove(
    _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try context.rowID("id", .number)
    let tenant = try context.tenant()
    let phoneNumberID = try await services.store.write(tenant, context.origin) { tx in
      let phoneNumberID = try Numbers(tx).remove(id)
      // Removed and connected again under another identifier: the claim is in use.
      return try Numbers(tx).find(phoneNumberID: phoneNumberID) == nil ? phoneNumberID : nil
    }
    if let phoneNumberID {
      try await services.claims.release(.phoneNumber, phoneNumberID, of: tenant)
    }
    return StoredAnswer.noContent.response
  }
}
