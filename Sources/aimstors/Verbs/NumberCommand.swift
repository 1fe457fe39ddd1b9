import ArgumentParser
import GraphSimulator

struct NumberCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "number", abstract: "WhatsApp numbers of a tenant.",
    subcommands: [Connect.self, List.self])

  struct Connect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Connect a number: checks its token with Graph and claims the number.")

    @Option(name: .long, help: "Meta's id of the number.") var phoneNumberID: String
    @Option(name: .long, help: "Meta's id of the account.") var wabaID: String
    @Option(name: .long, help: "A system user's token for Graph.") var accessToken: String
    @Option(name: .long, help: "Which of our Meta apps receives its webhooks.")
    var metaApp = LocalSecrets.appName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let number = try await api.send(
        .api, "POST", "/v1/numbers",
        [
          "phone_number_id": JSON(phoneNumberID), "waba_id": JSON(wabaID),
          "access_token": JSON(accessToken), "meta_app": JSON(metaApp),
        ])
      api.show(number, NumberCommand.table([number]))
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the tenant's numbers.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let numbers = try await api.list(.api, "/v1/numbers", limit: 1000)
      api.show(["data": .array(numbers), "next_cursor": .null], NumberCommand.table(numbers))
    }
  }

  static func table(_ numbers: [JSON]) -> String {
    var table = Table("id", "phone number id", "state")
    for number in numbers {
      table.add(number.cell("id"), number.cell("phone_number_id"), number.cell("state"))
    }
    return table.text
  }
}
