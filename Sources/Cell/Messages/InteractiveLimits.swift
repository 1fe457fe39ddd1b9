import Wire

/// The limits of interactive messages: buttons, lists, links.
enum InteractiveLimits {
  static func check(_ interactive: FieldCheck) throws(Failure) {
    let type = try interactive["type"].text(1...40)
    if interactive["header"].isPresent {
      let header = try interactive["header"].object()
      if try header["type"].text(1...20) == "text" { try header["text"].text(1...60) }
    }
    if interactive["footer"].isPresent { try interactive["footer"].object()["text"].text(1...60) }
    switch type {
    case "button":
      try body(interactive, longest: 1024)
      try buttons(interactive["action"].object())
    case "list":
      try body(interactive, longest: 4096)
      try list(interactive["action"].object())
    case "cta_url":
      try body(interactive, longest: 1024)
      let action = try interactive["action"].object()["parameters"].object()
      try action["display_text"].text(1...20)
      try action["url"].text(1...2000)
    case "flow":
      try body(interactive, longest: 1024)
      try interactive["action"].object()["parameters"].object()["flow_cta"].text(1...30)
    default:
      // Products, catalogues, address and location requests: Graph knows their limits.
      _ = try interactive["action"].object()
    }
  }

  private static func body(_ interactive: FieldCheck, longest: Int) throws(Failure) {
    try interactive["body"].object()["text"].text(1...longest)
  }

  private static func buttons(_ action: FieldCheck) throws(Failure) {
    var titles: Set<String> = []
    var ids: Set<String> = []
    for button in try action["buttons"].elements(1...3) {
      let reply = try button.object()["reply"].object()
      guard titles.insert(try reply["title"].text(1...20)).inserted else {
        throw reply["title"].refuse("is used by another button")
      }
      guard ids.insert(try reply["id"].text(1...256)).inserted else {
        throw reply["id"].refuse("is used by another button")
      }
    }
  }

  private static func list(_ action: FieldCheck) throws(Failure) {
    try action["button"].text(1...20)
    let sections = try action["sections"].elements(1...10)
    var rows = 0
    var ids: Set<String> = []
    for section in sections {
      if sections.count > 1 {
        try section.object()["title"].text(1...24)
      } else {
        try section.object()["title"].optionalText(0...24)
      }
      for row in try section["rows"].elements(1...10) {
        rows += 1
        guard rows <= 10 else { throw row.refuse("is more than 10 rows in all sections") }
        try row.object()["title"].text(1...24)
        try row["description"].optionalText(0...72)
        guard ids.insert(try row["id"].text(1...200)).inserted else {
          throw row["id"].refuse("is used by another row")
        }
      }
    }
  }
}
