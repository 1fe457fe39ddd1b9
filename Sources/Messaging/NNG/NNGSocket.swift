import CNNG

/// One socket of NNG: opened once, closed at the end.
struct NNGSocket: Sendable {
  let socket: nng_socket

  enum Kind { case request, reply, publish, subscribe }

  init(_ kind: Kind) throws(NNGError) {
    var socket = nng_socket()
    let code =
      switch kind {
      case .request: nng_req0_open(&socket)
      case .reply: nng_rep0_open(&socket)
      case .publish: nng_pub0_open(&socket)
      case .subscribe: nng_sub0_open(&socket)
      }
    try NNGError.check(code)
    self.socket = socket
  }

  /// A dialer with every limit set, not started.
  func dialer(to address: Address, tls: NNGTLS?) throws -> nng_dialer {
    var dialer = nng_dialer()
    do {
      try NNGError.check(nng_dialer_create(&dialer, socket, address.url))
      try NNGError.check(
        nng_dialer_set_size(dialer, NNG_OPT_RECVMAXSZ, MessagingLimits.frameBytes))
      try NNGError.check(
        nng_dialer_set_ms(
          dialer, NNG_OPT_RECONNMINT, MessagingLimits.reconnectMinimumMilliseconds))
      try NNGError.check(
        nng_dialer_set_ms(
          dialer, NNG_OPT_RECONNMAXT, MessagingLimits.reconnectMaximumMilliseconds))
    } catch {
      throw TransportError(operation: "dial", address: address, reason: "\(error)")
    }
    try configure(tls, at: address, operation: "dial") { try $0.protect(dialer, to: address) }
    return dialer
  }

  /// What a socket listens by, and where: the address with the port bound.
  struct Bound {
    let address: Address
    let listener: nng_listener
  }

  /// Listens at `address` with every limit set.
  func listen(at address: Address, tls: NNGTLS?) throws -> Bound {
    var listener = nng_listener()
    do {
      try NNGError.check(nng_listener_create(&listener, socket, address.url))
      try NNGError.check(
        nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, MessagingLimits.frameBytes))
    } catch {
      throw TransportError(operation: "listen", address: address, reason: "\(error)")
    }
    try configure(tls, at: address, operation: "listen") { try $0.protect(listener, at: address) }
    do {
      try NNGError.check(nng_listener_start(listener, 0))
      var url: UnsafeMutablePointer<CChar>?
      try NNGError.check(nng_listener_get_string(listener, NNG_OPT_URL, &url))
      guard let url else { return Bound(address: address, listener: listener) }
      defer { nng_strfree(url) }
      return Bound(address: Address(String(cString: url)), listener: listener)
    } catch {
      throw TransportError(
        operation: "listen", address: address, reason: "\(error)",
        isAddressInUse: error.code == Int32(NNG_EADDRINUSE.rawValue))
    }
  }

  func close() { nng_close(socket) }

  private func configure(
    _ tls: NNGTLS?, at address: Address, operation: String, _ protect: (NNGTLS) throws -> Void
  ) throws {
    guard try NNGAddress.scheme(of: address, operation: operation) == .tls else { return }
    guard let tls else {
      throw TransportError(
        operation: operation, address: address, reason: "no certificate is configured")
    }
    try protect(tls)
  }
}
