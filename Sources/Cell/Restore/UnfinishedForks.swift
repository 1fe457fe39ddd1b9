import Edge
import Logging
import Storage
import Wire

/// Forks whose files may be in place with what they must not inherit still in them.
///
/// Before a fork's files are installed its mark, its state and a fact that names it here are
/// durable; the fact goes when its inherited credentials are closed. What a kill leaves between is
/// closed by the next start, before anything is answered; of a cell that was lost as well, where
/// the fork comes back.
struct UnfinishedForks: Sendable {
  /// What closing a fork asks for.
  struct Fork: Codable, Hashable, Sendable {
    let operation: String
    let source: String
  }

  /// Their names in the cell's facts begin so.
  static let prefix = "forking/"

  let engine: StorageEngine
  let directives: Directives
  let sealer: Sealer

  /// From here on it never sends and nobody writes in it, once it is there.
  func begin(
    _ entry: DirectoryEntry, of source: TenantID, by operation: String, at now: Timestamp
  ) async throws {
    try await directives.mark(entry.tenant, .fork(since: now))
    try await directives.set(entry, trace: "")
    try await note(Fork(operation: operation, source: source.rawValue), of: entry.tenant)
  }

  /// From here on whoever serves it has closed it first.
  func note(_ made: Fork, of fork: TenantID) async throws {
    try await directives.setFact(Self.prefix + fork.rawValue, try EdgeJSON.encode(made))
  }

  func isUnfinished(_ fork: TenantID) async throws(Failure) -> Bool {
    try await directives.fact(Self.prefix + fork.rawValue) != nil
  }

  func end(_ fork: TenantID) async throws(Failure) {
    try await directives.removeFact(Self.prefix + fork.rawValue)
  }

  /// At a start, before anything is answered.
  ///
  /// One that was not installed is nobody's; the control plane asks for it anew. One that cannot be
  /// closed stays read-only, marked and known here, and so does one that a restore of the cell may
  /// still bring back.
  func resume(
    _ logger: Logger, isPending: @Sendable (TenantID) -> Bool = { _ in false }
  ) async {
    let found: [(name: String, value: [UInt8])]
    do throws(Failure) { found = try await directives.facts(Self.prefix) } catch {
      logger.error("unfinished forks are not known", metadata: ["reason": "\(error)"])
      return
    }
    for (name, _) in found {
      let fork = TenantID(trusted: name)
      guard !isPending(fork) else { continue }
      do { try await finish(fork) } catch {
        logger.error(
          "a fork's inherited credentials are not closed",
          metadata: ["tenant": "\(fork)", "reason": "\(error)"])
      }
    }
  }

  /// Closes it where it is here and was not closed; who is no such fork is left alone.
  func finish(_ fork: TenantID) async throws {
    guard let value = try await directives.fact(Self.prefix + fork.rawValue) else { return }
    if engine.servedHeads[fork] != nil {
      try await close(fork, try EdgeJSON.decode(Fork.self, from: value))
    }
    try await end(fork)
  }

  private func close(_ fork: TenantID, _ made: Fork) async throws {
    let (sealer, source) = (sealer, TenantID(trusted: made.source))
    try await engine.write(fork, CommandOrigin(requestID: made.operation, traceID: "")) {
      try ForkedAccess($0).close(of: source, by: made.operation, sealer)
    }
  }
}
