import CNNG
import Glibc
import Platform
import Simulation
import Testing
import Wire

@testable import Messaging

/// Mutual authentication between hosts, with certificates of the deployment's own authority.
@Suite("TLS", .serialized) struct TLSTests {
  private static let address = Address("tls+tcp://127.0.0.1:0")

  @Test func `two processes of one authority talk`() async throws {
    try await withDeploymentFiles { files in
      let cell = try files.messenger("cell-1")
      let address = try await cell.listen(at: Self.address) { $0.payload }
      #expect(!address.url.hasSuffix(":0"))
      let router = try files.messenger("router-1")
      #expect(try await router.peer(at: address).ask([1, 2]) == [1, 2])
      let large = [UInt8](repeating: 7, count: 1 << 20)
      #expect(try await router.peer(at: address).ask(large) == large)
    }
  }

  @Test func `a process of another authority is not reached and does not reach`() async throws {
    try await withDeploymentFiles { files in
      try await withDeploymentFiles { others in
        let gate = Gate()
        let cell = try files.messenger("cell-1")
        let address = try await cell.listen(at: Self.address) { _ in
          await gate.pass()
          return []
        }
        // It holds the deployment's key and still does not get past the handshake.
        let stranger = try others.messenger("router-1")
        #expect(
          await stranger.peer(at: address).failure()?.name == "unreachable, sent false")
        #expect(gate.arrived == 0)
      }
    }
  }

  @Test func `a client without a certificate gets no answer`() async throws {
    try await withDeploymentFiles { files in
      let cell = try files.messenger("cell-1")
      let address = try await cell.listen(at: Self.address) { $0.payload }
      let authorityOnly = files.directory.authorityFile
      func call(_ certificate: String?, _ milliseconds: Int32) async throws -> nng_errno_enum? {
        try await Blocking.run("raw-call") {
          rawCall(
            address, certificate: certificate, authority: authorityOnly,
            milliseconds: milliseconds)
        }.get()
      }
      #expect(try await call(nil, 1_500) == NNG_ETIMEDOUT)
      // The same call with a certificate is answered: it is the certificate that was missing.
      let certificate = try files.issue("router-1")
      #expect(try await call(certificate, 60_000) == nil)
    }
  }

  @Test func `a listener that answers nobody is told from one that does`() async throws {
    try await withDeploymentFiles { files in
      let cell = try files.messenger("cell-1")
      let address = try await cell.listen(at: Self.address) { $0.payload }
      let tls = NNGTLS(
        TLSFiles(
          authority: files.directory.authorityFile, certificateAndKey: try files.issue("cell-2")))
      #expect(NNGSelfCall.run(address, tls: tls) == .answered)
      // It connects, and nobody takes what comes: as after NNG has stopped accepting.
      let socket = try NNGSocket(.reply)
      defer { socket.close() }
      let deaf = try socket.listen(at: Self.address, tls: tls).address
      #expect(NNGSelfCall.run(deaf, tls: tls) == .deaf)
      #expect(NNGSelfCall.run(Address("tls+tcp://127.0.0.1:1"), tls: tls) == .unknown)
    }
  }

  @Test func `a listener listens anew at its port, and its peers come back`() async throws {
    try await withDeploymentFiles { files in
      let tls = NNGTLS(
        TLSFiles(
          authority: files.directory.authorityFile, certificateAndKey: try files.issue("cell-1")))
      let server = RequestServer(
        identity: PeerIdentity(role: .cell, id: "cell-1", generation: .first), key: files.key,
        versions: ProtocolVersion.supported, random: SeededRandomSource(seed: 1)
      ) { $0.payload }
      let listener = try NNGListener(at: Self.address, tls: tls, server: server)
      listener.start()
      let router = try files.messenger("router-1")
      let peer = router.peer(at: listener.address)
      try await peer.askUntilConnected([1])
      for _ in 0..<3 {
        try listener.listenAnew()
        #expect(listener.hearsItself() == .answered)
        try await peer.askUntilConnected([2])
      }
      listener.stop()
      await router.close()
      listener.release()
    }
  }

  /// One of them may end NNG's accepting for good: then the listener listens anew.
  @Test func `clients that leave at any moment of their negotiation keep nobody else out`()
    async throws
  {
    try await withDeploymentFiles { files in
      let cell = try files.messenger("cell-1")
      let address = try await cell.listen(at: Self.address) { $0.payload }
      let tls = NNGTLS(
        TLSFiles(
          authority: files.directory.authorityFile, certificateAndKey: try files.issue("router-2")))
      for round in 0..<300 {
        let socket = try NNGSocket(.request)
        let dialer = try socket.dialer(to: address, tls: tls)
        nng_dialer_start(dialer, Int32(NNG_FLAG_NONBLOCK))
        usleep(UInt32(round * 40))
        tls.forget(dialer)
        socket.close()
      }
      try await files.messenger("router-1").peer(at: address).askUntilConnected(
        [1], within: .seconds(60))
    }
  }

  @Test func `a certificate for another host is not accepted`() async throws {
    try await withDeploymentFiles { files in
      let cell = try files.messenger("cell-1", hosts: ["cell-1.example"])
      let address = try await cell.listen(at: Self.address) { $0.payload }
      let router = try files.messenger("router-1")
      #expect(await router.peer(at: address).failure()?.name == "unreachable, sent false")
    }
  }

  @Test func `without a certificate a TLS address is a clear error`() async throws {
    try await withDeployment(.nng) { deployment in
      let error = await #expect(throws: TransportError.self) {
        try await deployment.messenger("cell-1").listen(at: Self.address) { $0.payload }
      }
      #expect(error?.reason == "no certificate is configured")
    }
  }

  @Test func `a renewed certificate serves new connections, standing ones stay`() async throws {
    try await withDeploymentFiles { files in
      try await withDeploymentFiles { successor in
        let cell = try files.messenger("cell-1")
        let address = try await cell.listen(at: Self.address) { $0.payload }
        let before = try files.messenger("router-1")
        let late = try files.messenger("router-3")
        #expect(try await before.peer(at: address).ask([1]) == [1])

        // The strongest renewal: a new authority too. The files are replaced in place.
        try files.replace("cell-1", from: successor)
        try cell.reloadCertificates()
        let after = try successor.messenger("router-2")
        try await after.peer(at: address).askUntilConnected([2])
        #expect(try await before.peer(at: address).ask([3]) == [3])
        #expect(before.metrics.peers.map(\.connections) == [1])

        // The accept that was waiting at the renewal had the old certificate; it has been used.
        #expect(await late.peer(at: address).failure()?.name == "unreachable, sent false")
      }
    }
  }

  @Test func `files that cannot be used leave the old certificate in place`() async throws {
    try await withDeploymentFiles { files in
      let cell = try files.messenger("cell-1")
      let address = try await cell.listen(at: Self.address) { $0.payload }
      try files.damage("cell-1")
      #expect(throws: TransportError.self) { try cell.reloadCertificates() }
      #expect(try await files.messenger("router-1").peer(at: address).ask([1]) == [1])
    }
  }

  @Test func `files are read again when they have changed, and only then`() throws {
    let files = try DeploymentFiles()
    defer { files.remove() }
    let certificate = try files.issue("cell-1")
    let tls = NNGTLS(
      TLSFiles(authority: files.directory.authorityFile, certificateAndKey: certificate))
    #expect(try !tls.reloadIfChanged())
    _ = try files.issue("cell-1")
    #expect(try tls.reloadIfChanged())
    #expect(try !tls.reloadIfChanged())
    try files.damage("cell-1")
    #expect(throws: TransportError.self) { try tls.reloadIfChanged() }
    unlink(certificate)
  }

  /// One raw call; nil when it was answered in time, otherwise NNG's error.
  private func rawCall(
    _ address: Address, certificate: String?, authority: String, milliseconds: Int32
  ) -> nng_errno_enum? {
    var socket = nng_socket()
    guard nng_req0_open(&socket) == 0 else { return NNG_EINTERNAL }
    defer { nng_close(socket) }
    var config: OpaquePointer?
    var dialer = nng_dialer()
    guard nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT) == 0, let config,
      nng_tls_config_ca_file(config, authority) == 0,
      nng_tls_config_server_name(config, "127.0.0.1") == 0,
      nng_dialer_create(&dialer, socket, address.url) == 0
    else { return NNG_EINTERNAL }
    defer { nng_tls_config_free(config) }
    if let certificate, nng_tls_config_cert_key_file(config, certificate, nil) != 0 {
      return NNG_EINTERNAL
    }
    guard
      nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(config)) == 0,
      nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, milliseconds) == 0,
      nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, milliseconds) == 0,
      nng_dialer_start(dialer, Int32(NNG_FLAG_NONBLOCK)) == 0
    else { return NNG_EINTERNAL }
    var ping = FrameCodec.encode(Frame(kind: .ping))
    var code = nng_send(socket, &ping, ping.count, 0)
    var answer = [UInt8](repeating: 0, count: 256)
    var count = answer.count
    if code == 0 { code = nng_recv(socket, &answer, &count, 0) }
    guard code == 0 else { return nng_errno_enum(rawValue: UInt32(code)) }
    return FrameCodec.decode(Array(answer[..<count]))?.kind == .pong ? nil : NNG_EINTERNAL
  }
}
