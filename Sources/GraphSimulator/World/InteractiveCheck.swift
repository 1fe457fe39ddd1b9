/// The limits of interactive messages.
enum InteractiveCheck {
  static func check(_ content: JSON) throws(GraphError) {
    guard let type = content["type"]?.string else { throw .missingParameter("interactive.type") }
    guard let action = content["action"], action.members != nil else {
      throw .missingParameter("interactive.action")
    }
    let bodyLength = type == "list" ? 4096 : 1024
    if type != "product" || content["body"] != nil {
      try MessageCheck.length(content["body"]?["text"], "interactive.body.text", 1...bodyLength)
    }
    if let header = content["header"], header["type"]?.string == "text" {
      try MessageCheck.length(header["text"], "interactive.header.text", 1...60)
    }
    if let footer = content["footer"], !footer.isNull {
      try MessageCheck.length(footer["text"], "interactive.footer.text", 1...60)
    }
    switch type {
    case "button": try buttons(action)
    case "list": try list(action)
    case "cta_url":
      let parameters = action["parameters"]
      try MessageCheck.length(parameters?["display_text"], "display_text", 1...20)
      try MessageCheck.length(parameters?["url"], "url", 1...2000)
    case "flow":
      try MessageCheck.length(action["parameters"]?["flow_cta"], "flow_cta", 1...30)
    case "product", "product_list", "catalog_message", "location_request_message",
      "call_permission_request", "address_message", "voice_call", "carousel", "media_carousel",
      "request_contact_info":
      break
    default: throw .invalidValue("interactive.type \(type) is not known")
    }
  }

  private static func buttons(_ action: JSON) throws(GraphError) {
    guard let buttons = action["buttons"]?.array, (1...3).contains(buttons.count) else {
      throw .invalidValue("interactive.action.buttons must have 1 to 3 entries")
    }
    var titles: Set<String> = []
    var ids: Set<String> = []
    for button in buttons {
      let reply = button["reply"]
      try MessageCheck.length(reply?["title"], "button title", 1...20)
      try MessageCheck.length(reply?["id"], "button id", 1...256)
      guard titles.insert(reply?["title"]?.string ?? "").inserted,
        ids.insert(reply?["id"]?.string ?? "").inserted
      else { throw .invalidValue("button titles and ids must differ") }
    }
  }

  private static func list(_ action: JSON) throws(GraphError) {
    try MessageCheck.length(action["button"], "interactive.action.button", 1...20)
    guard let sections = action["sections"]?.array, (1...10).contains(sections.count) else {
      throw .invalidValue("interactive.action.sections must have 1 to 10 entries")
    }
    var ids: Set<String> = []
    for section in sections {
      if sections.count > 1 || section["title"] != nil {
        try MessageCheck.length(section["title"], "section title", 1...24)
      }
      guard let rows = section["rows"]?.array, !rows.isEmpty else {
        throw .missingParameter("section rows")
      }
      for row in rows {
        try MessageCheck.length(row["id"], "row id", 1...200)
        try MessageCheck.length(row["title"], "row title", 1...24)
        if let description = row["description"], !description.isNull {
          try MessageCheck.length(description, "row description", 0...72)
        }
        guard ids.insert(row["id"]?.string ?? "").inserted else {
          throw .invalidValue("row ids must differ")
        }
      }
    }
    guard ids.count <= 10 else { throw .invalidValue("a list has at most 10 rows") }
  }
}
