import ArgumentParser
import Hummingbird

/// The bare Hummingbird server that the bench "http" is compared with.
struct Hello: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Serves GET / with a short text.")

  @Option(help: "The port to listen on.") var port: Int

  func run() async throws {
    let router = Router()
    router.get("/") { _, _ in "hello" }
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
    try await application.run()
  }
}
