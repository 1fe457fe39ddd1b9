import Foundation

/// The bare server of ``Hello`` in a process of its own.
struct HelloServer {
  static let port = 18081
  private static let startSeconds = 1.0

  let url = "http://127.0.0.1:\(HelloServer.port)/"
  private let process = Process()

  init(_ repository: Repository) throws {
    process.executableURL = repository.binaries.appendingPathComponent("bench")
    process.arguments = ["hello", "--port", "\(Self.port)"]
    try process.run()
    Thread.sleep(forTimeInterval: Self.startSeconds)
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
  }
}
