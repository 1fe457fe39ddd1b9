import ArgumentParser
import Foundation
import Logging
import Messaging
import Platform
import Wire

/// Round trips between two processes, beside a C program on NNG alone.
struct MessagingBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "messaging", abstract: "Requests and answers per second over loopback.")

  static let inFlight = 64
  static let bytes = 512

  @OptionGroup var repository: Repository

  func run() async throws {
    var ours: [Double] = []
    var plain: [Double] = []
    for repetition in 1...repository.repetitions {
      progress("messaging \(repetition)/\(repository.repetitions)")
      let output = try Program.output(
        repository.comparison("nng-roundtrips"),
        ["\(Self.inFlight)", "\(Self.bytes)", "\(repository.seconds)"])
      plain.append(Program.objects(output).last?["round_trips_per_second"] as? Double ?? 0)
      ours.append(try await measure())
    }
    Row(
      name: "messaging.round_trips", value: median(ours), unit: "round trips/s",
      baseline: median(plain),
      facts: [
        "in_flight": Self.inFlight, "bytes": Self.bytes, "seconds": repository.seconds,
        "against": "C on NNG contexts",
      ]
    ).write()
  }

  private func measure() async throws -> Double {
    let server = Process()
    server.executableURL = repository.binaries.appendingPathComponent("bench")
    server.arguments = ["messaging-serve"]
    let pipe = Pipe()
    server.standardOutput = pipe
    try server.run()
    defer {
      server.terminate()
      server.waitUntilExit()
    }
    let line = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
    let url = line.trimmingCharacters(in: .whitespacesAndNewlines)
    guard url.hasPrefix("tcp://") else { throw BenchFailure("the server said \(line)") }
    let messenger = try Self.messenger(.router)
    let peer = messenger.peer(at: Address(url))
    let payload = [UInt8](repeating: 7, count: Self.bytes)
    let (rate, _) = try await Callers.rate(Self.inFlight, seconds: repository.seconds) { _, _ in
      _ = try await peer.request(.http, payload, timeout: .seconds(10), traceID: "")
    }
    await messenger.close()
    return rate
  }

  static func messenger(_ role: PeerIdentity.Role) throws -> NNGMessenger {
    guard let key = DeploymentKey([UInt8](repeating: 1, count: DeploymentKey.byteCount)) else {
      throw BenchFailure("a deployment key has \(DeploymentKey.byteCount) bytes")
    }
    var log = Logger(label: "bench")
    log.logLevel = .error
    return NNGMessenger(
      identity: PeerIdentity(role: role, id: "bench", generation: Generation.first), key: key,
      random: LiveRandomSource(), log: log)
  }

  /// The other process: answers each request with its payload until it is stopped.
  struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "messaging-serve", abstract: "Echoes requests.", shouldDisplay: false)

    func run() async throws {
      let messenger = try MessagingBench.messenger(.cell)
      let address = try await messenger.listen(at: Address("tcp://127.0.0.1:0")) { $0.payload }
      FileHandle.standardOutput.write(Data("\(address.url)\n".utf8))
      try await Task.sleep(for: .seconds(600))
    }
  }
}
