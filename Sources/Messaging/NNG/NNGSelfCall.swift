import CNNG
import Wire

/// Calls a TLS listener of this process over a connection of its own, as a stranger would.
///
/// NNG 1.5.2 accepts nobody any more where a TLS connection ends at one moment of its negotiation:
/// `listener_accept_cb` takes that connection's `NNG_ECLOSED` for the listener's own. Others still
/// connect, since negotiation goes on below, and nobody answers them; what stands goes on. So it is
/// found out only from outside.
enum NNGSelfCall {
  enum Outcome: Equatable {
    case answered
    /// It connected, and its ping was not answered.
    case deaf
    /// It did not connect, or lost its connection: that says nothing of the listener.
    case unknown
  }

  /// Blocks its thread for as long as a connection and an answer may take.
  static func run(_ address: Address, tls: NNGTLS) -> Outcome {
    do {
      return try tls.withOwnClient { try call(near(address), $0) }
    } catch {
      return .unknown
    }
  }

  private static func call(_ address: Address, _ config: OpaquePointer) throws -> Outcome {
    let socket = try NNGSocket(.request)
    defer { socket.close() }
    let wait = MessagingLimits.selfCallMilliseconds
    try NNGError.check(nng_socket_set_ms(socket.socket, NNG_OPT_SENDTIMEO, wait))
    try NNGError.check(nng_socket_set_ms(socket.socket, NNG_OPT_RECVTIMEO, wait))
    var dialer = nng_dialer()
    try NNGError.check(nng_dialer_create(&dialer, socket.socket, address.url))
    try NNGError.check(
      nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(config)))
    try NNGError.check(nng_dialer_start(dialer, 0))
    guard let ping = NNGMessage(Frame(kind: .ping)) else { return .unknown }
    guard nng_sendmsg(socket.socket, ping.pointer, 0) == 0 else {
      ping.free()
      return .unknown
    }
    var reply: OpaquePointer?
    let code = nng_recvmsg(socket.socket, &reply, 0)
    if let reply { NNGMessage(reply).free() }
    if code == 0 { return .answered }
    return code == Int32(NNG_ETIMEDOUT.rawValue) ? .deaf : .unknown
  }

  /// Who listens everywhere is reached here.
  private static func near(_ address: Address) -> Address {
    Address(
      address.url.replacing("://0.0.0.0:", with: "://127.0.0.1:")
        .replacing("://[::]:", with: "://[::1]:"))
  }
}
