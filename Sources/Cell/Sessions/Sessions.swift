import Cryptography
import Platform
import Storage
import Synchronization
import Trust
import Wire

/// The access tokens in use: found by public id without I/O after the first use, forgotten at the
/// commit of whatever ends or changes their session.
final class Sessions: Sendable {
  /// Tokens kept in memory; beyond it the cache starts over.
  static let capacity = 100_000

  private struct Name: Hashable {
    let tenant: TenantID
    /// A tenant that went and came back is another state of itself.
    let epoch: Epoch
    let publicID: String
  }
  private struct Known {
    let accessHash: [UInt8]
    let expiresAt: Timestamp
    let session: RowID
    let user: RowID?
    let principal: Principal
  }
  private struct State {
    var known: [Name: Known] = [:]
    /// Rises at each end or change, so that what was read before it is not cached after it.
    var version: UInt64 = 0
  }

  private let store: any TenantStore
  private let clock: any WallClock
  private let state = Mutex(State())

  init(store: any TenantStore, clock: any WallClock) {
    self.store = store
    self.clock = clock
  }

  /// Why a token is not taken; told apart in the audit log, alike to the caller.
  enum Refusal: String, Error { case unknown, expired, ended, disabled }

  /// Who acts with this access token.
  ///
  /// Throws a ``Refusal`` or a failure to read.
  func admit(_ token: SessionTokenText, epoch: Epoch) async throws -> Principal {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let name = Name(tenant: token.tenant, epoch: epoch, publicID: token.publicID)
    let (cached, version) = state.withLock { ($0.known[name], $0.version) }
    let known: Known
    if let cached {
      known = cached
    } else {
      known = try await find(token)
      state.withLock { state in
        guard state.version == version else { return }
        if state.known.count >= Self.capacity { state.known = [:] }
        state.known[name] = known
      }
    }
    guard ConstantTime.equal(known.accessHash, SHA256Digest.of(token.secret.utf8)) else {
      throw Refusal.unknown
    }
    guard now < known.expiresAt else { throw Refusal.expired }
    return known.principal
  }

  /// Forgets one session's tokens; called after the commit of its end.
  func forget(_ tenant: TenantID, session: RowID) {
    forget { $0.tenant == tenant && $1.session == session }
  }

  /// Forgets a person's tokens: their role or state has changed.
  func forget(_ tenant: TenantID, user: RowID) {
    forget { $0.tenant == tenant && $1.user == user }
  }

  /// Forgets all of a tenant's tokens: a role has changed.
  func forget(_ tenant: TenantID) { forget { name, _ in name.tenant == tenant } }

  private func forget(where matches: (Name, Known) -> Bool) {
    state.withLock { state in
      state.version += 1
      state.known = state.known.filter { !matches($0.key, $0.value) }
    }
  }

  private func find(_ token: SessionTokenText) async throws -> Known {
    let found: Result<Known, Refusal> = try await store.read(token.tenant, [.sessions]) {
      snapshot in
      guard let access = try SessionsStore(snapshot).access(publicID: token.publicID) else {
        return .failure(.unknown)
      }
      let session = access.session
      guard session.endedAt == nil else { return .failure(.ended) }
      guard let principal = try Self.principal(of: session, UsersStore(snapshot)) else {
        return .failure(.disabled)
      }
      return .success(
        Known(
          accessHash: access.pair.accessHash,
          expiresAt: min(access.pair.accessExpiresAt, session.expiresAt), session: session.id,
          user: session.userID, principal: principal))
    }
    return try found.get()
  }

  /// Nil where the person is not there any more, or disabled.
  private static func principal(of session: UserSession, _ users: UsersStore) throws -> Principal? {
    if let by = session.impersonatedBy {
      // Reads and does what an owner may, and decides over nobody.
      return Principal(
        kind: .user, id: by, scopes: Role.owner.scopes, mode: .live, session: session.id,
        impersonatedBy: by)
    }
    guard let id = session.userID, let user = try users.find(id), user.state == .active,
      let role = try users.role(user.role)
    else { return nil }
    return Principal(
      kind: .user, id: id.text(.user), scopes: role.scopes, mode: .live, power: role.power,
      session: session.id)
  }
}
