import Alerts
import Edge
import Platform
import Storage
import Synchronization
import Trust
import Wire

/// Letters on their way: stored sealed with the command that caused them, sent after its commit.
///
/// The gate is asked before each, and says what may leave (``NoticeRule``). One that an owner
/// before this one may have sent waits for the release like a message; a new one does not, so that
/// people can sign in meanwhile. None is sent whose token opens nothing any more: whoever waited so
/// long has asked again.
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
  private let gate: any SendGate
  private let clock: any WallClock
  private let state = Mutex(State())

  init(
    store: any TenantStore, sender: any MailSender, sealer: Sealer, gate: any SendGate,
    clock: any WallClock
  ) {
    self.store = store
    self.sender = sender
    self.sealer = sealer
    self.gate = gate
    self.clock = clock
  }

  /// Stores a letter in the transaction; it leaves after the commit.
  func queue(_ content: Content, to user: User, _ tx: Transaction) throws {
    let mail: Mail
    let seconds: Int64
    switch content {
    case .invitation(let token):
      seconds = OneTimeToken.Purpose.invitation.seconds
      mail = Mail(
        to: user.email, subject: "You are invited",
        text: """
          \(user.name),

          you are invited to a workspace. Accept within seven days with this token:

          \(token)
          """)
    case .passwordReset(let token):
      seconds = OneTimeToken.Purpose.passwordReset.seconds
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
      seconds = EmailChange.seconds
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
      try EdgeJSON.encode(Stored(mail, until: tx.now.adding(seconds: seconds))),
      owner: Self.owner(tx.tenant, id), nonce: tx.randomBytes(Sealer.nonceBytes))
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

  /// Says that a stop was lifted: what could not leave is looked at once more.
  func sendsMayResume() {
    state.withLock { state in
      for tenant in state.pauses.keys { state.pauses[tenant]?.until = .zero }
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
    guard gate.notices(of: tenant) != .nothing else { return false }
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
    do {
      if letter.createdAt.adding(seconds: Self.keptSeconds) >= now {
        let bytes = try sealer.open(letter.sealed, owner: Self.owner(tenant, letter.id))
        let stored = try EdgeJSON.decode(Stored.self, from: bytes)
        if stored.validUntil.map({ $0 > now }) ?? true {
          guard mayLeave(letter, of: tenant) else { return false }
          try await sender.send(stored.mail)
        }
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

  private func mayLeave(_ letter: UsersStore.UnsentMail, of tenant: TenantID) -> Bool {
    switch gate.notices(of: tenant) {
    case .all: true
    case .after(let end): letter.createdAt > end
    case .nothing: false
    }
  }

  static func owner(_ tenant: TenantID, _ id: RowID) -> String {
    "\(tenant)/mail/\(id.rawValue)"
  }
}

extension Letters {
  /// A letter as it is sealed: also one of a version that did not say how long its token is good.
  fileprivate struct Stored: Codable {
    let to: String
    let subject: String
    let text: String
    let validUntil: Timestamp?

    enum CodingKeys: String, CodingKey {
      case to, subject, text
      case validUntil = "valid_until"
    }

    init(_ mail: Mail, until: Timestamp) {
      (to, subject, text) = (mail.to, mail.subject, mail.text)
      validUntil = until
    }

    var mail: Mail { Mail(to: to, subject: subject, text: text) }
  }
}
