import ArgumentParser
import GraphSimulator

struct SendStopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop-sends", abstract: "Stop sends at once; receipts and refunds go on.",
    discussion: "Scopes: number, tenant, cell, region, platform (its id is `all`).",
    subcommands: [SetStop.self, Lift.self, List.self], aliases: ["send-stop"])

  struct SetStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "set", abstract: "Stop sends.")

    @Argument var scope: String
    @Argument var id: String
    @Option(name: .long) var reason: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let stop = try await api.send(
        .admin, "PUT", "/v1/send-stops/\(scope)/\(id)", ["reason": JSON(reason)])
      api.show(stop, SendStopCommand.table([stop]))
    }
  }

  struct Lift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let sends go on.")

    @Argument var scope: String
    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let stop = try await api.send(.admin, "DELETE", "/v1/send-stops/\(scope)/\(id)")
      // A promotion's stop of the same cell goes on until its release.
      if case .bool(false)? = stop["lifted"] {
        return api.show(stop, SendStopCommand.table([stop]))
      }
      api.show(
        ["scope": JSON(scope), "id": JSON(id), "lifted": true], "lifted \(scope) \(id)")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the stops in force.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let stops = try await api.list(.admin, "/v1/send-stops", limit: 1000)
      api.show(["data": .array(stops), "next_cursor": .null], SendStopCommand.table(stops))
    }
  }

  static func table(_ stops: [JSON]) -> String {
    var table = Table("scope", "id", "since", "reason", "cells without it")
    for stop in stops {
      let pending = stop["pending_cells"]?.array?.compactMap(\.string) ?? []
      table.add(
        stop.cell("scope"), stop.cell("id"), stop.cell("since"), stop.cell("reason"),
        pending.isEmpty ? "none" : pending.joined(separator: " "))
    }
    return table.text
  }
}
