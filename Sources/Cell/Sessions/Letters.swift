import Edge
import Platform
import Storage
import Synchronization
import Trust
import Wire

/// One letter.
public struct Mail: Hashable, Sendable, Codable {
  public let to: String
  public let subject: String
  public let text: String

  public init(to: String, subject: String, text: String) {
    self.to = to
    self.subject = subject
    self.text = text
  }
}

/// Sends letters: SMTP, a directory of files, or nobody.
public protocol MailSender: Sendable {
  /// Throws where it was not taken; it is tried again.
  func send(_ mail: Mail) async throws
}

/// Where no mail is configured: letters wait.
public struct NoMail: MailSender {
  public init() {}
  public func send(_ mail: Mail) async throws {
    throw Failure(.notStored, "this cell has no mail server")
  }
}

/// Letters on their way: stored sealed with the command that caused them, sent after its commit.
final class Letters: Sendable {
  enum Content {
    case invitation(String)
    case passwordReset(String)
  }

  /// Letters sent in one round of a tenant.
  static let batch = 32

  private let store: any TenantStore
  private let sender: any MailSender
  private let sealer: Sealer
  private let waiting = Mutex<Set<TenantID>>([])

  init(store: any TenantStore, sender: any MailSender, sealer: Sealer) {
    self.store = store
    self.sender = sender
    self.sealer = sealer
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
    }
    let id = tx.freshID()
    let sealed = sealer.seal(
      try EdgeJSON.encode(mail), owner: Self.owner(tx.tenant, id),
      nonce: tx.randomBytes(Sealer.nonceBytes))
    try UsersStore(tx).insertMail(id, sealed: sealed, at: tx.now)
    let tenant = tx.tenant
    tx.afterCommit { self.wake(tenant) }
  }

  func wake(_ tenant: TenantID) { waiting.withLock { _ = $0.insert(tenant) } }

  /// Sends what waits; what cannot be sent waits for the next round.
  func round() async {
    let tenants = waiting.withLock { waiting in
      let tenants = waiting
      waiting = []
      return tenants
    }
    for tenant in tenants where await !sendAll(of: tenant) { wake(tenant) }
  }

  private func sendAll(of tenant: TenantID) async -> Bool {
    let (sealer, batch) = (sealer, Self.batch)
    guard
      let letters = try? await store.read(
        tenant, [.sessions], { try UsersStore($0).unsentMails(limit: batch) })
    else { return false }
    for letter in letters {
      do {
        let bytes = try sealer.open(letter.sealed, owner: Self.owner(tenant, letter.id))
        try await sender.send(try EdgeJSON.decode(Mail.self, from: bytes))
        let id = letter.id
        try await store.write(tenant, CommandOrigin(requestID: "mail", traceID: "")) { tx in
          try UsersStore(tx).mailWasSent(id)
        }
      } catch {
        return false
      }
    }
    return letters.count < batch
  }

  private static func owner(_ tenant: TenantID, _ id: RowID) -> String {
    "\(tenant)/mail/\(id.rawValue)"
  }
}
