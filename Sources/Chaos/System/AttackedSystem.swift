/// A running system, as an oracle looks at it.
protocol AttackedSystem: Sendable {
  func members() throws -> [SystemUnderAttack.Member]
  /// Webhook parts that a cell keeps for tenants that could not take them; nil if it cannot say.
  func spooledParts(_ member: SystemUnderAttack.Member) async throws -> Int?
}

extension SystemUnderAttack: AttackedSystem {
  func spooledParts(_ member: Member) async throws -> Int? {
    try await SystemClient.spooledParts(member.healthURL)
  }
}
