import CNNG
import Synchronization

/// Gives listeners and dialers mutual authentication from the deployment's files, and new files to
/// all of them when a certificate was renewed.
///
/// Connections that stand are not touched.
final class NNGTLS: Sendable {
  private struct State {
    // Configurations are never freed while the process lives: NNG's accept reads the pointer
    // without its lock, so that an old one must outlast its replacement. A renewal adds one per
    // endpoint and costs some kilobytes.
    var kept: [NNGHandle] = []
    var listeners: [nng_listener] = []
    var dialers: [UInt32: (dialer: nng_dialer, host: String)] = [:]
    /// The files as they were read last.
    var stamps: [FileStamp?]
  }

  let files: TLSFiles
  private let state: Mutex<State>

  init(_ files: TLSFiles) {
    self.files = files
    state = Mutex(State(stamps: Self.stamps(of: files)))
  }

  /// Reads the files again if they have changed since they were read last.
  ///
  /// Throws like ``reload()``, once per change.
  func reloadIfChanged() throws -> Bool {
    let now = Self.stamps(of: files)
    let changed = state.withLock { state in
      defer { state.stamps = now }
      return state.stamps != now
    }
    if changed { try reload() }
    return changed
  }

  func protect(_ listener: nng_listener, at address: Address) throws {
    let config = try make(NNG_TLS_MODE_SERVER, host: nil, address: address)
    try apply("listen", address) {
      nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(config.pointer))
    }
    state.withLock { $0.listeners.append(listener) }
  }

  func protect(_ dialer: nng_dialer, to address: Address) throws {
    let host = NNGAddress.host(of: address)
    let config = try make(NNG_TLS_MODE_CLIENT, host: host, address: address)
    try apply("dial", address) {
      nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(config.pointer))
    }
    state.withLock { $0.dialers[dialer.id] = (dialer, host) }
  }

  /// Forgets a dialer that was closed.
  func forget(_ dialer: nng_dialer) { state.withLock { $0.dialers[dialer.id] = nil } }

  /// Forgets a listener that is about to be closed.
  func forget(_ listener: nng_listener) {
    state.withLock { $0.listeners.removeAll { $0.id == listener.id } }
  }

  /// Makes a configuration with which this process calls itself, for as long as `body` runs: it
  /// does not look whose certificate its own is.
  func withOwnClient<T>(_ body: (OpaquePointer) throws -> T) throws -> T {
    let address = Address(files.certificateAndKey)
    var made: OpaquePointer?
    try apply("configure TLS", address) { nng_tls_config_alloc(&made, NNG_TLS_MODE_CLIENT) }
    guard let config = made else {
      throw TransportError(operation: "configure TLS", address: address, reason: "out of memory")
    }
    defer { nng_tls_config_free(config) }
    try apply("configure TLS", address) {
      nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_NONE)
    }
    try apply("read \(files.certificateAndKey)", address) {
      nng_tls_config_cert_key_file(config, files.certificateAndKey, nil)
    }
    return try body(config)
  }

  /// Reads the files again; connections made from now on use them.
  ///
  /// Throws, and leaves everything as it was, where the files cannot be used.
  func reload() throws {
    let (listeners, dialers) = state.withLock { ($0.listeners, Array($0.dialers.values)) }
    let address = Address(files.certificateAndKey)
    let server = try make(NNG_TLS_MODE_SERVER, host: nil, address: address)
    let clients = try dialers.map { entry in
      (entry.dialer, try make(NNG_TLS_MODE_CLIENT, host: entry.host, address: address))
    }
    // An endpoint that was closed in between answers an error, which is what it should do.
    for listener in listeners {
      nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(server.pointer))
    }
    for (dialer, config) in clients {
      nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(config.pointer))
    }
  }

  private static func stamps(of files: TLSFiles) -> [FileStamp?] {
    [FileStamp(files.authority), FileStamp(files.certificateAndKey)]
  }

  private func make(_ mode: nng_tls_mode, host: String?, address: Address) throws -> NNGHandle {
    var config: OpaquePointer?
    try apply("configure TLS", address) { nng_tls_config_alloc(&config, mode) }
    guard let config else {
      throw TransportError(operation: "configure TLS", address: address, reason: "out of memory")
    }
    state.withLock { $0.kept.append(NNGHandle(config)) }
    try apply("configure TLS", address) {
      nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED)
    }
    try apply("read \(files.authority)", address) {
      nng_tls_config_ca_file(config, files.authority)
    }
    try apply("read \(files.certificateAndKey)", address) {
      nng_tls_config_cert_key_file(config, files.certificateAndKey, nil)
    }
    if let host {
      try apply("configure TLS", address) { nng_tls_config_server_name(config, host) }
    }
    return NNGHandle(config)
  }

  private func apply(_ operation: String, _ address: Address, _ body: () -> Int32) throws {
    do throws(NNGError) {
      try NNGError.check(body())
    } catch {
      throw TransportError(operation: operation, address: address, reason: "\(error)")
    }
  }
}
