import CNNG
import Glibc
import Synchronization
import Testing
import Wire

@testable import Messaging

/// One test for each known trap of this NNG version, over its real sockets.
@Suite("NNG traps", .serialized) struct NNGTrapTests {
  @Test func `a listener survives peers that leave during negotiation or speak garbage`()
    async throws
  {
    try await withDeployment(.nng) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        $0.payload
      }
      for round in 0..<50 {
        let stranger = try RawConnection(to: address)
        // NNG's own greeting is eight bytes, `\0SP\0` and the protocol.
        switch round % 5 {
        case 0: break
        case 1: stranger.send([0, 0x53, 0x50])
        case 2: stranger.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        case 3: stranger.send([0, 0x53, 0x50, 0, 0, 0x30, 0, 0, 0, 0])
        // A frame said to be 2^62 bytes long: over the limit, the connection is ended.
        default: stranger.send([0, 0x53, 0x50, 0, 0, 0x30, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0])
        }
        stranger.close()
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      #expect(try await peer.ask([1]) == [1])
    }
  }

  @Test func `calls that end while nobody is connected do not crash and are never sent`()
    async throws
  {
    try await withDeployment(.nng) { deployment in
      let address = try await deployment.freeAddress()
      let peer = deployment.messenger("router-1").peer(at: address)
      await withTaskGroup(of: Void.self) { group in
        for index in 0..<300 {
          group.addTask {
            let name = await peer.failure([1], timeout: .milliseconds(5 + index % 40))?.name
            #expect(name == "deadline exceeded" || name == "unreachable, sent false")
          }
        }
      }
      let seen = Mutex<[[UInt8]]>([])
      _ = try await deployment.messenger("cell-1").listen(at: address) { request in
        seen.withLock { $0.append(request.payload) }
        return []
      }
      try await peer.askUntilConnected([2])
      #expect(seen.withLock { $0 } == [[2]])
    }
  }

  @Test func `a call whose answer is late is cancelled while another runs in its place`()
    async throws
  {
    try await withDeployment(.nng) { deployment in
      // Answers come a little before or after the deadlines, so that aborts meet answers.
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        try? await Task.sleep(for: .milliseconds(Int($0.payload[0])))
        return $0.payload
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      _ = try await peer.ask([0])
      let wrong = await withTaskGroup(of: Bool.self) { group in
        for index in 0..<1_500 {
          group.addTask {
            let payload = [UInt8(15 + index % 20), UInt8(index & 0xFF), UInt8(index >> 8)]
            do throws(MessagingError) {
              return try await peer.ask(payload, timeout: .milliseconds(30)) != payload
            } catch {
              // Handlers of cancelled calls still run, so that the listener may shed too.
              let expected = ["deadline exceeded", "saturated", "refused overloaded"]
              return !expected.contains(error.name)
            }
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(wrong == 0)
      #expect(try await peer.ask([1]) == [1])
    }
  }

  @Test func `an oversize request makes no reconnect loop`() async throws {
    try await withDeployment(.nng) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        $0.payload
      }
      let router = try #require(deployment.messenger("router-1") as? NNGMessenger)
      let peer = router.peer(at: address)
      let large = [UInt8](repeating: 0, count: MessagingLimits.frameBytes + 1)
      for _ in 0..<5 { #expect(await peer.failure(large)?.name == "too large") }
      #expect(try await peer.ask([1]) == [1])
      #expect(router.metrics.peers.map(\.connections) == [1])
    }
  }

  @Test func `a peer without our size check loses its connection, the others do not`()
    async throws
  {
    try await withDeployment(.nng) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        $0.payload
      }
      let router = try #require(deployment.messenger("router-1") as? NNGMessenger)
      let peer = router.peer(at: address)
      #expect(try await peer.ask([1]) == [1])
      let stranger = try RawConnection(to: address)
      var length = UInt64(MessagingLimits.frameBytes + 1).bigEndian
      let prefix = withUnsafeBytes(of: &length) { [UInt8]($0) }
      stranger.send([0, 0x53, 0x50, 0, 0, 0x30, 0, 0] + prefix)
      #expect(stranger.endsAfter(greeting: 8))
      stranger.close()
      #expect(try await peer.ask([2]) == [2])
      #expect(router.metrics.peers.map(\.connections) == [1])
    }
  }

  @Test(arguments: ["ipc:///tmp/x.ipc", "inproc://x", "ws://127.0.0.1:0", "tcp://0.0.0.0:0"])
  func `addresses that are not safe are refused`(url: String) async throws {
    try await withDeployment(.nng) { deployment in
      await #expect(throws: TransportError.self) {
        try await deployment.messenger("cell-1").listen(at: Address(url)) { $0.payload }
      }
      let peer = deployment.messenger("router-1").peer(at: Address(url))
      #expect(await peer.failure()?.name == "unreachable, sent false")
    }
  }

  @Test func `an address in use is a clear error`() async throws {
    try await withDeployment(.nng) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        $0.payload
      }
      let error = await #expect(throws: TransportError.self) {
        try await deployment.messenger("cell-2").listen(at: address) { $0.payload }
      }
      #expect(error?.reason == "Address in use")
    }
  }

  @Test func `closing with calls on both sides under way ends, again and again`() async throws {
    for _ in 0..<10 {
      try await withDeployment(.nng) { deployment in
        let gate = Gate()
        let cell = deployment.messenger("cell-1")
        let address = try await cell.listen(at: Deployment.anyAddress) { _ in
          await gate.pass()
          return []
        }
        let router = deployment.messenger("router-1")
        let peer = router.peer(at: address)
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<64 { group.addTask { _ = await peer.failure() } }
          await gate.arrivals(64)
          async let one: Void = cell.close()
          async let other: Void = router.close()
          _ = await (one, other)
          await group.waitForAll()
        }
        gate.open()
      }
    }
  }

  @Test func `more peers need no more threads`() async throws {
    try await withDeployment(.nng) { deployment in
      let cell = deployment.messenger("cell-1")
      var addresses: [Address] = []
      for _ in 0..<8 {
        addresses.append(try await cell.listen(at: Deployment.anyAddress) { $0.payload })
      }
      let router = deployment.messenger("router-1")
      _ = try await router.peer(at: addresses[0]).ask([1])
      let before = try nngThreads()
      #expect(before > 0)
      #expect(before <= 16)
      for address in addresses { _ = try await router.peer(at: address).ask([1]) }
      #expect(try nngThreads() == before)
    }
  }

  @Test func `a process can be started after NNG has threads`() async throws {
    try await withDeployment(.nng) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        $0.payload
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      #expect(try await peer.ask([1]) == [1])
      // Never fork alone: a child that runs on with NNG's state aborts. Spawning replaces it.
      var process = pid_t()
      var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/true"), nil]
      defer { free(arguments[0]) }
      #expect(posix_spawn(&process, "/bin/true", nil, nil, &arguments, nil) == 0)
      var status: Int32 = -1
      #expect(waitpid(process, &status, 0) == process)
      #expect(status == 0)
      #expect(try await peer.ask([2]) == [2])
    }
  }

  private func nngThreads() throws -> Int {
    let directory = try #require(opendir("/proc/self/task"))
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let file = fopen("/proc/self/task/\(name)/comm", "r") else { continue }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 64)
      guard fgets(&line, 64, file) != nil else { continue }
      if line.starts(with: "nng:".utf8CString.dropLast()) { count += 1 }
    }
    return count
  }
}

/// A plain TCP connection to a listener of ours.
private struct RawConnection {
  private let descriptor: Int32

  init(to address: Address) throws {
    let port = try #require(UInt16(address.url.split(separator: ":").last ?? ""))
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(descriptor >= 0)
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = port.bigEndian
    target.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &target) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(connected == 0)
  }

  func send(_ bytes: [UInt8]) {
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// Whether the other side ends the connection after `greeting` bytes and nothing more.
  func endsAfter(greeting: Int) -> Bool {
    var total = 0
    var chunk = [UInt8](repeating: 0, count: 64)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      if count <= 0 { return total == greeting }
      total += count
    }
  }

  func close() { Glibc.close(descriptor) }
}
