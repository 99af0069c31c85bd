"""The agent's questions to an application in this process: through a client of httpx2, and no socket."""

from collections.abc import Mapping

import httpx2

from agent.link.http import Answer, HttpError


class InProcess:
    """What `agent.link.http.Connections` is, over `client`."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def __call__(self, method: str, path: str, headers: Mapping[str, str], content: bytes, limit: int) -> Answer:
        try:
            said = await self._client.request(method, path, content=content or None, headers=dict(headers))
        except httpx2.HTTPError as error:
            raise HttpError(str(error)) from error
        return Answer(said.status_code, dict(said.headers), said.content)

    async def opens(self) -> bool:
        return True
