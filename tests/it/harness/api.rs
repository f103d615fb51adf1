//! Requests to a control API, each on a connection of its own.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::Value;

use super::{HttpAnswer, PATIENCE, read_answer};

pub fn request(port: u16, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> io::Result<HttpAnswer> {
    let authorization = key
        .map(|key| format!("Authorization: Bearer {key}\r\n"))
        .unwrap_or_default();
    let content = body.map(Value::to_string).unwrap_or_default();
    let typed = match body {
        Some(_) => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            content.len()
        ),
        None if method == "POST" => "Content-Length: 0\r\n".to_owned(),
        None => String::new(),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{authorization}{typed}\r\n"
    );
    raw(port, &format!("{head}{content}"))
}

/// Exactly these bytes.
pub fn raw(port: u16, request: &str) -> io::Result<HttpAnswer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    read_answer(&mut stream, false)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
}

/// The items of a list, whether it comes bare or as the one array among an object's members.
pub fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Object(members) => members.values().find_map(Value::as_array).cloned().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("no list: {value}"),
    }
}
