import Alerts
import Edge
import Platform
import Storage
import Synchronization
import Trust
import Wire

/// Letters on their way: stored sealed with the command that caused them, sent after its commit.
final class Letters: Sendable {
  enum Content {
    case invitation(String)
    case passwordReset(String)
    /// To an address that is not the person's yet.
    case emailChange(String, to: String)
  }

  /// Letters read at a time.
  static let batch = 32
  /// A letter that could not be sent for so long is let go: its token is too old by then.
  static let keptSeconds: Int64 = 7 * 86_400

  private struct Pause {
    var failures = 0
    var until = Timestamp.zero
  }
  private struct State {
    var waiting: Set<TenantID> = []
    /// Tenants of whom a letter could not be sent.
    var pauses: [TenantID: Pause] = [:]
  }

  private let store: any TenantStore
  private let sender: any MailSender
  private let sealer: Sealer
  private let clock: any WallClock
  private let state = Mutex(State())

  init(
    store: any TenantStore, sender: any MailSender, sealer: Sealer, clock: any WallClock
  ) {
    self.store = store
    self.sender = sender
    self.sealer = sealer
    self.clock = clock
  }

  /// Stores a letter in the transaction; it leaves after the commit.
  func queue(_ content: Content, to user: User, _ tx: Transaction) throws {
    let mail: Mail
    switch content {
    case .invitation(let token):
      mail = Mail(
        to: user.email, subject: "You are invited",
        text: """
          \(user.name),

          you are invited to a workspace. Accept within seven days with this token:

          \(token)
          """)
    case .passwordReset(let token):
      mail = Mail(
        to: user.email, subject: "A new password",
        text: """
          \(user.name),

          somebody, probably you, asked for a new password. Set it within thirty minutes with this
          token:

          \(token)

          If it was not you, nothing needs to be done.
          """)
    case .emailChange(let token, let address):
      mail = Mail(
        to: address, subject: "Confirm your e-mail address",
        text: """
          \(user.name),

          confirm within thirty minutes that you read letters here, with this token:

          \(token)

          If you did not ask for it, nothing needs to be done.
          """)
    }
    let id = tx.freshID()
    let sealed = sealer.seal(
      try EdgeJSON.encode(mail), owner: Self.owner(tx.tenant, id),
      nonce: tx.randomBytes(Sealer.nonceBytes))
    try UsersStore(tx).insertMail(id, sealed: sealed, at: tx.now)
    let tenant = tx.tenant
    tx.afterCommit { self.wake(tenant) }
  }

  /// Says that a tenant has a letter; it does not wait for those that could not be sent.
  func wake(_ tenant: TenantID) {
    state.withLock { state in
      state.waiting.insert(tenant)
      state.pauses[tenant]?.until = .zero
    }
  }

  /// Sends what waits; what cannot be sent is tried again, ever more slowly, and holds nothing else
  /// up.
  func round() async {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let tenants = state.withLock { state in
      let tenants = state.waiting.filter { (state.pauses[$0]?.until ?? .zero) <= now }
      state.waiting.subtract(tenants)
      return tenants
    }
    for tenant in tenants {
      let isDone = await sendAll(of: tenant, at: now)
      state.withLock { state in
        guard !isDone else {
          state.pauses[tenant] = nil
          return
        }
        var pause = state.pauses[tenant] ?? Pause()
        pause.failures += 1
        pause.until = now.adding(seconds: AlertRetry.pause(afterFailures: pause.failures))
        state.pauses[tenant] = pause
        state.waiting.insert(tenant)
      }
    }
  }

  private func sendAll(of tenant: TenantID, at now: Timestamp) async -> Bool {
    let batch = Self.batch
    var (after, isDone) = (RowID(0), true)
    while true {
      let first = after
      guard
        let letters = try? await store.read(
          tenant, [.sessions], { try UsersStore($0).unsentMails(after: first, limit: batch) })
      else { return false }
      for letter in letters where await !send(letter, of: tenant, at: now) { isDone = false }
      guard letters.count == batch, let last = letters.last else { return isDone }
      after = last.id
    }
  }

  private func send(
    _ letter: UsersStore.UnsentMail, of tenant: TenantID, at now: Timestamp
  ) async -> Bool {
    let isTooOld = letter.createdAt.adding(seconds: Self.keptSeconds) < now
    do {
      if !isTooOld {
        let bytes = try sealer.open(letter.sealed, owner: Self.owner(tenant, letter.id))
        try await sender.send(try EdgeJSON.decode(Mail.self, from: bytes))
      }
      let id = letter.id
      try await store.write(tenant, CommandOrigin(requestID: "mail", traceID: "")) { tx in
        try UsersStore(tx).mailWasSent(id)
      }
      return true
    } catch {
      return false
    }
  }

  static func owner(_ tenant: TenantID, _ id: RowID) -> String {
    "\(tenant)/mail/\(id.rawValue)"
  }
}
