import ArgumentParser
import GraphSimulator

struct TemplateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "template", abstract: "Message templates of a tenant.",
    subcommands: [Put.self, List.self, Show.self])

  struct Put: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Register a template: --text for a body alone, or --file with the API's object.")

    @Argument var name: String
    @Option(name: .long) var language = "en_US"
    @Option(name: .long, help: "marketing, utility or authentication; with --text.")
    var category = "utility"
    @Option(name: .long, help: "The body, e.g. 'Hi {{1}}, your order is here.'") var text: String?
    @Option(name: .long, help: "A JSON file: category, components, parameter_format.")
    var file: String?
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      guard (text == nil) != (file == nil) else {
        throw ValidationError("give one of --text and --file")
      }
    }

    func run() async throws {
      let api = try connection.connection()
      let template = try await api.send(
        .api, "PUT", "/v1/templates/\(name)/\(language)", try body())
      let warnings = (template["warnings"]?.array ?? []).map { "\nwarning: \($0.cell)" }.joined()
      api.show(template, TemplateCommand.table([template]) + warnings)
    }

    /// The body of the request.
    func body() throws(CommandFailure) -> JSON {
      guard let file else {
        return [
          "category": JSON(category),
          "components": [["type": "BODY", "text": JSON(text ?? "")]],
        ]
      }
      guard let bytes = try PrivateFile.read(file) else {
        throw CommandFailure(.usage, code: "no_file", detail: "there is no \(file)")
      }
      guard let json = try? JSON(parsing: bytes) else {
        throw CommandFailure(.usage, code: "invalid_json", detail: "\(file) is not JSON")
      }
      return json
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List templates.")

    @Option(name: .long, help: "At most this many.") var limit = 1000
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let templates = try await api.list(.api, "/v1/templates", limit: limit)
      api.show(
        ["data": .array(templates), "next_cursor": .null], TemplateCommand.table(templates))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a template.")

    @Argument var name: String
    @Option(name: .long) var language = "en_US"
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let template = try await api.send(.api, "GET", "/v1/templates/\(name)/\(language)")
      let texts = (template["components"]?.array ?? []).map { component in
        "\(component.cell("type")): \(component["text"]?.cell ?? component.cell)"
      }
      api.show(
        template, ([TemplateCommand.table([template])] + texts).joined(separator: "\n"))
    }
  }

  static func table(_ templates: [JSON]) -> String {
    var table = Table("name", "language", "category", "status", "version", "reason")
    for template in templates {
      table.add(
        template.cell("name"), template.cell("language"), template.cell("category"),
        template.cell("status"), template.cell("version"), template.cell("reason"))
    }
    return table.text
  }
}
