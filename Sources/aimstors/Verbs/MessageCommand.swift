import ArgumentParser
import GraphSimulator

struct MessageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "message", abstract: "Single messages.",
    subcommands: [Send.self, Show.self])

  struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Send one message: --text, --template, or --body with a Cloud API body.")

    @Option(name: .long, help: "The number's id; default: the first demonstration tenant's.")
    var number: String?
    @Option(name: .long, help: "A phone number with +.") var to: String?
    @Option(name: .long, help: "A business-scoped user id.") var recipient: String?
    @Option(name: .long, help: "A text; only inside the 24 hours after the user wrote.")
    var text: String?
    @Option(name: .long, help: "A template's name.") var template: String?
    @Option(name: .long) var language = "en_US"
    @Option(name: .long, parsing: .upToNextOption, help: "The template's body parameters.")
    var parameters: [String] = []
    @Option(
      name: .long, help: "A Cloud API body as JSON; --to and --recipient stand in for its own.")
    var body: String?
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      guard [text, template, body].compactMap({ $0 }).count == 1 else {
        throw ValidationError("give one of --text, --template and --body")
      }
      guard body != nil || to != nil || recipient != nil else {
        throw ValidationError("give --to or --recipient")
      }
      guard template != nil || parameters.isEmpty else {
        throw ValidationError("--parameters are a template's: give --template")
      }
    }

    func run() async throws {
      let api = try connection.connection()
      let demo = try LocalDescription.read(Environment.live.dataDirectory)?["demo"]?[0]
      guard let number = number ?? demo?["number_id"]?.string else {
        throw CommandFailure(.usage, code: "no_number", detail: "give --number")
      }
      let answer = try await api.send(
        .api, "POST", "/v1/messages", try message().with("number_id", JSON(number)))
      api.show(answer, "message \(answer.cell("id")), \(answer.cell("state"))")
    }

    /// The body of the request, but for the number.
    func message() throws(CommandFailure) -> JSON {
      var target: JSON = [:]
      if let body {
        guard let json = try? JSON(parsing: body), json.members != nil else {
          throw CommandFailure(.usage, code: "invalid_json", detail: "--body is not an object")
        }
        target = json
      }
      target = target.with("to", to.map { JSON($0) })
        .with("recipient", recipient.map { JSON($0) })
      if body != nil { return target }
      if let text {
        return target.with("type", "text").with("text", ["body": JSON(text)])
      }
      var content: JSON = [
        "name": JSON(template ?? ""), "language": ["code": JSON(language)],
      ]
      if !parameters.isEmpty {
        let values = parameters.map {
          JSON.object([.init("type", "text"), .init("text", JSON($0))])
        }
        content = content.with(
          "components", [["type": "body", "parameters": .array(values)]])
      }
      return target.with("type", "template").with("template", content)
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a message.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let message = try await api.send(.api, "GET", "/v1/messages/\(id)")
      var table = Table("id", "direction", "type", "to", "status", "wamid")
      table.add(
        message.cell("id"), message.cell("direction"), message.cell("type"), message.cell("to"),
        message.cell("status"), message.cell("wamid"))
      api.show(message, table.text)
    }
  }
}
