import Alerts
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Platform
import Wire

/// Which mail server takes the letters.
struct SMTPSettings: Hashable, Sendable {
  let host: String
  let port: Int
  let security: SMTPDialogue.Security
  let user: String?
  /// Holds the password, and nothing else.
  let passwordFile: String?
  let from: String
  /// A file of certificates that is believed besides the system's; nil: the system's.
  let authority: String?
}

/// Sends letters by SMTP: one connection each, a server that is away is tried again by the caller.
struct SMTPSender: MailSender {
  static let timeout = TimeAmount.seconds(30)

  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  let settings: SMTPSettings
  let clock: any WallClock
  let random: any RandomSource

  func send(_ mail: Mail) async throws {
    let id = LocalSecrets.hex(random.bytes(12))
    let now = Timestamp(milliseconds: clock.milliseconds())
    guard let content = SMTPLetter.content(mail, from: settings.from, id: id, at: now) else {
      throw Refused(description: "not an address that a mail server is told")
    }
    let dialogue = SMTPDialogue(
      security: settings.security,
      greetsAs: settings.from.split(separator: "@").last.map(String.init) ?? "localhost",
      login: try login(), from: settings.from, to: mail.to, content: content)
    let context =
      settings.security == .none ? nil : try NIOSSLContext(configuration: tls())
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let outcome = loop.makePromise(of: Void.self)
    let (host, security) = (settings.host, settings.security)
    let bootstrap = ClientBootstrap(group: loop).connectTimeout(Self.timeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if security == .tls, let context {
            try pipeline.addHandler(SMTPConnection.tls(context, host))
          }
          try pipeline.addHandler(SMTPConnection(dialogue, host, context, outcome))
        }
      }
    bootstrap.connect(host: host, port: settings.port).whenFailure { outcome.fail($0) }
    try await outcome.futureResult.get()
  }

  private func login() throws -> (user: String, password: String)? {
    guard let user = settings.user, let file = settings.passwordFile else { return nil }
    guard let bytes = try PrivateFile.read(file) else {
      throw Refused(description: "there is no file with the mail server's password")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return (user, String(text.prefix { $0 != "\n" && $0 != "\r\n" && $0 != "\r" }))
  }

  private func tls() -> TLSConfiguration {
    var configuration = TLSConfiguration.makeClientConfiguration()
    if let authority = settings.authority { configuration.trustRoots = .file(authority) }
    return configuration
  }
}

/// One connection to a mail server: gives bytes to the dialogue, and does what it says.
private final class SMTPConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var dialogue: SMTPDialogue
  private var replies = SMTPReplies()
  private let host: String
  private let context: NIOSSLContext?
  private let outcome: EventLoopPromise<Void>
  private var deadline: Scheduled<Void>?

  init(
    _ dialogue: SMTPDialogue, _ host: String, _ context: NIOSSLContext?,
    _ outcome: EventLoopPromise<Void>
  ) {
    self.dialogue = dialogue
    self.host = host
    self.context = context
    self.outcome = outcome
  }

  /// A handler that asks for the host's certificate; an address has no name to ask for.
  static func tls(_ context: NIOSSLContext, _ host: String) throws -> NIOSSLClientHandler {
    let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
    return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
  }

  func channelActive(context: ChannelHandlerContext) {
    let channel = context.channel
    let outcome = outcome
    deadline = context.eventLoop.scheduleTask(in: SMTPSender.timeout) {
      outcome.fail(SMTPSender.Refused(description: "the mail server did not answer in time"))
      channel.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    do {
      for reply in try replies.take(buffer.readableBytesView) {
        perform(dialogue.receive(reply), context)
      }
    } catch {
      fail("the mail server says what no mail server says", context)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    outcome.fail(SMTPSender.Refused(description: "the mail server hung up"))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    outcome.fail(error)
    context.close(promise: nil)
  }

  private func perform(_ action: SMTPDialogue.Action, _ context: ChannelHandlerContext) {
    switch action {
    case .send(let bytes): write(bytes, context)
    case .startTLS:
      do {
        guard let tls = self.context else { return fail("no TLS", context) }
        try context.pipeline.syncOperations.addHandler(
          Self.tls(tls, host), position: .before(self))
        // What came in clear before TLS is nobody's.
        replies = SMTPReplies()
        perform(dialogue.secured(), context)
      } catch {
        fail("TLS could not begin", context)
      }
    case .done(let bytes):
      outcome.succeed(())
      write(bytes, context)
      context.close(promise: nil)
    case .failed(let reason): fail(reason, context)
    }
  }

  private func fail(_ reason: String, _ context: ChannelHandlerContext) {
    outcome.fail(SMTPSender.Refused(description: reason))
    context.close(promise: nil)
  }

  private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
    context.writeAndFlush(
      wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
  }
}
