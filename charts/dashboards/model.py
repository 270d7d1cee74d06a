"""What Grafana's classic dashboard JSON needs, so that the boards say only what is asked and why."""

WIDTH = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def selector(*labels):
    """The part of a selector that the variables choose: every query has it."""
    return ", ".join(f'{label}=~"${label}"' for label in ("job", "instance", *labels))


def variable(name, query, label, **more):
    """Offered from the series that there are in the time that is shown."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "regex": "",
        "skipUrlSync": False,
        "options": [],
    } | more


def datasource():
    return {
        "name": "datasource",
        "label": "Data Source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "regex": "",
        "skipUrlSync": False,
        "options": [],
        "current": {},
    }


def annotation(name, expr, colour, text):
    """A line at the instant that a metric tells."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": f"{expr} * 1000",
        "useValueForTime": "on",
        "titleFormat": name,
        "textFormat": text,
        "step": "1s",
    }


def query(expr, legend="", **more):
    return {
        "expr": expr,
        "legendFormat": legend or "__auto",
        "editorMode": "code",
        "range": True,
        "instant": False,
    } | more


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "width": WIDTH, "height": 1}


def panel(kind, title, description, unit, targets, width, height, options, custom, **defaults):
    letters = "ABCDEFGHIJ"
    targets = [{"refId": letters[i], "datasource": DATASOURCE} | target for i, target in enumerate(targets)]
    overrides = defaults.pop("overrides", [])
    more = {key: defaults.pop(key) for key in ("transformations", "links") if key in defaults}
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": unit, "custom": custom, "color": {"mode": "palette-classic"}} | defaults,
            "overrides": overrides,
        },
        "options": options,
        "width": width,
        "height": height,
    } | more


def lines(title, description, unit, *targets, width=12, height=8, stack=False, overrides=()):
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 20 if stack else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
    }
    return panel(
        "timeseries",
        title,
        description,
        unit,
        targets,
        width,
        height,
        options,
        custom,
        min=0,
        overrides=list(overrides),
    )


def dashed(regex):
    """A limit, not a measurement."""
    properties = {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}, "color": {"mode": "fixed", "fixedColor": "red"}}
    return {
        "matcher": {"id": "byRegexp", "options": regex},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def stat(title, description, unit, expr, width=4, bad_from=None, legend="", name=False):
    steps = [{"color": "green", "value": None}]
    if bad_from is not None:
        steps.append({"color": "red", "value": bad_from})
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "name" if name else "value",
    }
    thresholds = {"mode": "absolute", "steps": steps}
    return panel(
        "stat",
        title,
        description,
        unit,
        [query(expr, legend)],
        width,
        4,
        options,
        {},
        thresholds=thresholds,
        color={"mode": "thresholds"},
    )


def table(title, description, by, columns, width=WIDTH, height=8, links=()):
    """One line for each combination of the labels `by`; columns are (heading, unit, query)."""
    targets = [query(expr, range=False, instant=True, format="table") for _, _, expr in columns]
    names = {f"Value #{'ABCDEFGHIJ'[i]}": heading for i, (heading, _, _) in enumerate(columns)}
    if len(columns) == 1:
        names = {"Value": columns[0][0]}
    overrides = [
        {"matcher": {"id": "byName", "options": heading}, "properties": [{"id": "unit", "value": unit}]}
        for heading, unit, _ in columns
    ]
    if links:
        overrides.append(
            {
                "matcher": {"id": "byName", "options": by[-1]},
                "properties": [{"id": "links", "value": list(links)}],
            }
        )
    organize = {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}
    return panel(
        "table",
        title,
        description,
        "none",
        targets,
        width,
        height,
        {"showHeader": True, "footer": {"show": False}},
        {"align": "auto", "filterable": True},
        overrides=overrides,
        transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
    )


def heatmap(title, description, expr, width=12, height=8):
    options = {
        "calculate": False,
        "yAxis": {"unit": "s", "axisPlacement": "left"},
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
        "legend": {"show": True},
        "tooltip": {"show": True, "yHistogram": False},
        "rowsFrame": {"layout": "auto"},
        "filterValues": {"le": 1e-9},
    }
    target = query(expr, "{{le}}", format="heatmap")
    return panel("heatmap", title, description, "s", [target], width, height, options, {})


def place(panels):
    """Ids and places, from left to right and down."""
    placed, x, y, tallest = [], 0, 0, 0
    for number, one in enumerate(panels, 1):
        width, height = one.pop("width"), one.pop("height")
        if x + width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        placed.append({"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}} | one)
        x, tallest = x + width, max(tallest, height)
    return placed


def board(uid, title, description, variables, panels, annotations=(), refresh="10s", since="now-30m"):
    others = {
        "type": "dashboards",
        "tags": ["loads"],
        "title": "Loads",
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["loads"],
        "editable": False,
        "schemaVersion": 39,
        "version": 1,
        "graphTooltip": 1,
        "liveNow": False,
        "refresh": refresh,
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "links": [others],
        "annotations": {"list": list(annotations)},
        "templating": {"list": [datasource(), *variables]},
        "panels": place(panels),
    }
