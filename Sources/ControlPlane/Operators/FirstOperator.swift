import Platform
import Trust
import Wire

/// Creates the first operator, once.
struct FirstOperator: Sendable {
  let store: PlatformStore
  let random: any RandomSource

  /// The token is shown here and never again.
  ///
  /// Throws `already_done` when there is an operator.
  func create(trace: String) async throws(Failure) -> OperatorRoutes.View {
    let token = OperatorToken.token.make(random: random.bytes(OperatorToken.secretBytes))
    let hash = Digests.sha256(token)
    return try await store.write(trace: trace) { transaction, rows in
      guard try !rows.hasOperator() else {
        throw Failure(.alreadyDone, "the first operator was created before")
      }
      let id = transaction.freshID().text(.platformOperator)
      try rows.insert(
        Operator(
          id: id, tokenHash: hash, createdAt: transaction.now, isRevoked: false,
          role: .superAdmin, name: "first"))
      try rows.append(
        AuditEntry(
          operatorID: id, action: "operator.create_first", subject: id, detail: "",
          traceID: trace), id: transaction.freshID(), at: transaction.now)
      return OperatorRoutes.View(id: id, token: token)
    }
  }
}
