{#- A CRM id in one form: 15- and 18-character ids are the same record, so the three characters that
    encode the case of the other 15 are added where they are missing (Salesforce, "ID field type").
    Ids belong to a source instance, named in front unless it is `main`. -#}
{% macro crm_id(column) -%}
    case when {{ column }} is not null then
        case when _instance = 'main' then '' else _instance || ':' end
        || {{ column }}
        || case when length({{ column }}) = 15 then
            {%- for block in range(3) %}
            substring(
                'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345',
                1
                {%- for position in range(5) %}
                + case when substring({{ column }}, {{ block * 5 + position + 1 }}, 1) between 'A' and 'Z'
                    then {{ 2 ** position }} else 0 end
                {%- endfor %},
                1
            ) {{ '||' if not loop.last }}
            {%- endfor %}
            else '' end
    end
{%- endmacro %}
