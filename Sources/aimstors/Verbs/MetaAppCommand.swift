import ArgumentParser
import GraphSimulator

struct MetaAppCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "meta-app", abstract: "Our Meta apps, which receive webhooks.",
    subcommands: [SetApp.self])

  struct SetApp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Set an app's secrets; two app secrets count while one rotates."
    )

    @Argument var app: String
    @Option(name: .long) var appSecret: String
    @Option(name: .long) var previousAppSecret: String?
    @Option(name: .long) var verifyToken: String
    @Option(name: .long, help: "The tenant whose own app it is.") var tenant: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = ["app_secret": JSON(appSecret), "verify_token": JSON(verifyToken)]
      let answer = try await api.send(
        .admin, "PUT", "/v1/meta-apps/\(app)",
        body.with("previous_app_secret", previousAppSecret.map { JSON($0) })
          .with("tenant_id", tenant.map { JSON($0) }))
      api.show(answer, "\(answer.cell("app")): \(answer.cell("webhook_url"))")
    }
  }
}
